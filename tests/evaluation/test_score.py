"""Score with scorers that know everything, nothing, all but the order, or only duration and level."""

import copy
import hashlib
import json
import re

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from eval.zste.zste import MEANS, SUBTASKS, TASKS
from teminal.evaluation.clap import embed_features, embed_waveforms
from teminal.evaluation.plots import plot_bars
from teminal.evaluation.score import (
    audio_features,
    distinct_audios,
    distinct_captions,
    score_cosines,
    score_examples,
)
from teminal.evaluation.tables import LABELS, format_table
from teminal.evaluation.zste_questions import build_examples
from teminal.rendering import SAMPLING_RATE, render
from teminal.scenes import in_groups

from ..zste_truth import true_captions

N_SCENES = 30
BLIND = ("3A", "3B", "3D", "4A", "4B", "4C", "5A", "5C", "5D", *TASKS["task6"])
# candidates of these differ in word order alone
N_SHALLOW = 200
SHALLOW_TASKS = ("3A", "3B", "3C")


@pytest.fixture(scope="module")
def examples(bank):
    return build_examples(bank, N_SCENES, seed=0)


@pytest.fixture(scope="module")
def truth(bank, examples):
    """(audios, captions): which caption is true of which audio."""
    true = [true_captions(bank, audio) for audio in distinct_audios(examples)]
    return np.array([[caption in of_audio for caption in distinct_captions(examples)] for of_audio in true])


@pytest.fixture(scope="module")
def oracle_result(examples, truth):
    noise = np.random.default_rng(0).random(truth.shape)
    return score_cosines(examples, truth + 0.1 * noise)


def test_an_oracle_is_always_right_but_not_with_permuted_audios(oracle_result):
    assert all(oracle_result[name] == 1 for name in (*SUBTASKS, *MEANS))
    assert all(oracle_result[f"control_{task}"] < 0.8 for task in ("3A", "3B", "3C"))


def test_equal_scores_are_never_right(examples, truth):
    result = score_cosines(examples, np.full(truth.shape, 0.5))
    assert all(result[name] == 0 for name in (*SUBTASKS, *MEANS))


def affinity(audio, caption):
    """A score that only their names decide."""
    names = f"{audio.clips} {audio.variant} {audio.snr_db:.6f} {audio.onset_s:.6f} {caption}"
    return int.from_bytes(hashlib.sha256(names.encode()).digest()[:4]) / 2**32


def test_figures_of_tasks_1_to_5_are_those_of_earlier_versions(bank):
    examples = build_examples(bank, 60, seed=3)
    captions = distinct_captions(examples)
    scores = np.array([[affinity(audio, caption) for caption in captions] for audio in distinct_audios(examples)])
    figures = {
        name: np.round(value, 9).tolist()
        for name, value in score_cosines(examples, scores).items()
        if not name.startswith(("6", "task6", "robustness"))
    }
    assert figures["1A_n"] == 54
    assert figures["zste_ci95"] == [0.184439815, 0.242224537]
    text = json.dumps(figures, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "9ddc59f1e494b077"


def test_a_bag_of_words_knows_the_sounds_and_not_their_order(examples, truth):
    bags = [tuple(sorted(re.findall(r"\w+", caption))) for caption in distinct_captions(examples)]
    bag_of = {bag: column for column, bag in enumerate(dict.fromkeys(bags))}
    members = np.zeros((len(bags), len(bag_of)))
    members[np.arange(len(bags)), [bag_of[bag] for bag in bags]] = 1
    result = score_cosines(examples, np.minimum(truth @ members, 1) @ members.T)
    assert all(result[task] == 1 for task in SUBTASKS if task[0] in "12")
    assert all(result[task] == 0 for task in BLIND)
    assert [result[task] for task in ("3C", "4D", "5B")] == pytest.approx([1 / 3] * 3)  # all overlays


def test_random_scores_are_at_chance_and_chance_is_that_of_the_definition(bank, examples, truth):
    n = len(bank.classes)
    chance = {
        **{"1A": 1 / n, "1B": 1 / n, "2A": 2 / (n * (n - 1)), "2B": 2 / n, "2C": 2 / (n * (n - 1)), "2D": 2 / n},
        **{"3A": 1 / 2, "3B": 1 / 2, "3C": 1 / 3, "3D": 1 / 6},
        **{"4A": 1 / 4, "4B": 1 / 4, "4C": 1 / 6, "4D": 2 / (3 * n * (n - 1))},
        **{"5A": 1 / 2, "5B": 1 / 3, "5C": 1 / 2, "5D": 1 / 6},
        **dict.fromkeys(TASKS["task6"], 1 / 6),
    }
    many = build_examples(bank, 400, seed=1)
    shape = len(distinct_audios(many)), len(distinct_captions(many))
    result = score_cosines(many, np.random.default_rng(0).random(shape))
    for task in SUBTASKS:
        assert result[f"{task}_chance"] == pytest.approx(chance[task])
        spread = (chance[task] * (1 - chance[task]) / result[f"{task}_n"]) ** 0.5
        assert abs(result[task] - chance[task]) <= 4 * spread


def test_features_and_embeddings_are_in_the_order_of_the_scores(tiny_clap, bank, monkeypatch):
    model, processor = tiny_clap
    examples = build_examples(bank, 2, seed=0)
    features = audio_features(bank, examples, processor.feature_extractor, batch_size=3)
    for number, spec in enumerate(distinct_audios(examples)):
        alone = processor.feature_extractor(list(render([spec], bank.loops, bank.raw)), sampling_rate=SAMPLING_RATE)
        assert torch.equal(alone["input_features"][0], features[number : number + 1].windows.flatten(0, 1))
    embedded = {}
    monkeypatch.setattr(
        "teminal.evaluation.score.embed_features",
        lambda _, features: embedded.setdefault("audio", features.windows.flatten(1)),
    )
    monkeypatch.setattr(
        "teminal.evaluation.score.embed_captions",
        lambda *_: embedded.setdefault("text", torch.rand(len(_[2]), features.windows[0].numel())),
    )
    result = score_examples(model, processor, examples, features)
    assert torch.equal(embedded["audio"], features.windows.flatten(1))
    assert len(embedded["text"]) == len(distinct_captions(examples))
    assert result == score_cosines(examples, (embedded["audio"] @ embedded["text"].T).numpy())


def test_scenes_longer_than_a_window_are_embedded_as_whole_clips(tiny_clap, bank):
    model, processor = copy.deepcopy(tiny_clap)
    processor.feature_extractor.nb_max_samples = 4 * SAMPLING_RATE
    examples = build_examples(bank, 2, seed=0)
    features = audio_features(bank, examples, processor.feature_extractor, batch_size=3)
    assert set(features.window_counts.tolist()) == {1, 2, 3, 5, 15}  # of 4, 5, 10, 20 and 60 s
    audios = list(render(distinct_audios(examples), bank.loops, bank.raw))
    expected = embed_waveforms(model, processor, audios, SAMPLING_RATE)
    assert np.abs(embed_features(model, features).numpy() - expected).max() <= 1e-5


def test_audios_of_one_group_are_side_by_side(examples):
    specs = distinct_audios(examples)
    variants = [spec for spec in specs if spec.variant not in ("clip", "onset")]
    groups = [(spec.clips, spec.snr_db, spec.background, spec.layout) for spec, *_ in in_groups(variants)]
    assert len(groups) == len(set(groups)) < len(specs) == len(set(specs))


def test_table_and_picture_show_every_figure(oracle_result, tmp_path):
    shown = [re.split("  +", line) for line in format_table({"base": oracle_result}).splitlines()]
    assert [row[0] for row in shown[1:]] == list(LABELS.values())
    assert ["before, after or while (3C)", "33.33", "100.0 (100.0 to 100.0)"] in shown
    plot_bars(tmp_path / "zste.png", {"base": oracle_result, "after": oracle_result}, "ZSTE")
    assert (tmp_path / "zste.png").stat().st_size > 10_000


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
        examples = [example for example in build_examples(bank, N_SHALLOW, seed) if example.task in SHALLOW_TASKS]
        audios = distinct_audios(examples)
        found.append(
            (examples, dict(zip(audios, map(duration_and_level, render(audios, bank.loops, bank.raw)), strict=True)))
        )
    return found


def figures_of_shallow(asked, overlay_gain_db=0.0):
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
    result = figures_of_shallow(asked)
    for task in SHALLOW_TASKS:
        chance = result[f"{task}_chance"]
        assert result[f"{task}_n"] == N_SHALLOW
        assert result[task] <= chance + 2.5 * (chance * (1 - chance) / N_SHALLOW) ** 0.5, task


def test_but_half_a_decibel_would_tell_an_overlay(asked):
    assert figures_of_shallow(asked, overlay_gain_db=0.5)["3C"] >= 0.6
