"""What ZSTE asks of real scenes cannot be answered by who knows only how long and how loud they are."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from teminal.evaluation.score import distinct_audios, distinct_captions, score_cosines
from teminal.evaluation.zste_questions import build_examples
from teminal.rendering import render

N_SCENES = 200
TASKS = ("3A", "3B", "3C")


def statement(caption):
    """Which sound it says comes first: 0 the alphabetically first, 1 the other, 2 both at once."""
    said = caption.removeprefix("This is a sound of ").removesuffix(".")
    if " while " in said:
        return 2
    word = " before " if " before " in said else " after "
    first, second = said.split(word) if word == " before " else reversed(said.split(word))
    return int(first > second)


def duration_and_level(waveform, gain=1.0):
    """Seconds, and dB to the hundredth."""
    rms = gain * np.sqrt(np.mean(waveform.astype(np.float64) ** 2))
    return len(waveform) / 48_000, round(20 * np.log10(rms), 2)


@pytest.fixture(scope="module")
def asked(bank):
    """(examples of one sub-task each, duration and level of each audio) of scenes to learn from and of others."""
    found = []
    for seed in (0, 1):
        examples = [example for example in build_examples(bank, N_SCENES, seed) if example.task in TASKS]
        audios = distinct_audios(examples)
        found.append(
            (examples, dict(zip(audios, map(duration_and_level, render(audios, bank.loops, bank.raw)), strict=True)))
        )
    return found


def figures(asked, overlay_gain_db=0.0):
    """ZSTE of the best scorer that duration and level allow."""

    def heard(audio, known):
        seconds, level = known[audio]
        return seconds, level + overlay_gain_db * (audio.variant == "overlay")

    (examples, known), (others, known_of_others) = asked
    x = [heard(example.audios[0], known) for example in examples]
    y = [statement(example.candidates[example.right[0]]) for example in examples]
    scorer = HistGradientBoostingClassifier(max_iter=30, random_state=0).fit(x, y)
    assert list(scorer.classes_) == [0, 1, 2]
    probabilities = scorer.predict_proba([heard(audio, known_of_others) for audio in distinct_audios(others)])
    return score_cosines(others, probabilities[:, [statement(caption) for caption in distinct_captions(others)]])


def test_duration_and_level_do_not_tell_the_order(asked):
    result = figures(asked)
    for task in TASKS:
        chance = result[f"{task}_chance"]
        assert result[f"{task}_n"] == N_SCENES
        assert result[task] <= chance + 2.5 * (chance * (1 - chance) / N_SCENES) ** 0.5, task


def test_but_half_a_decibel_would_tell_an_overlay(asked):
    assert figures(asked, overlay_gain_db=0.5)["3C"] >= 0.6
