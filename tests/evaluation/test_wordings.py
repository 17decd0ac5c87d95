"""Every wording by itself: what each asks, who gets it right, and when all give the same answer."""

import itertools

import numpy as np
import pytest

from teminal.captions import DEFAULT, HELD_OUT
from teminal.evaluation.score import CosineTable, distinct_audios, distinct_captions
from teminal.evaluation.wordings import build_wording_examples, score_wordings
from teminal.evaluation.zste_questions import build_examples

from ..zste_truth import true_captions

N_SCENES = 30
ORDERS = [
    "This is a sound of x before y.",
    "This is a sound of y after x.",
    "x followed by y",
    "x precedes y",
    "y preceded by x",
    "y succeeds x",
    "In this recording you hear x, which is followed by y.",
    "The clip starts with x and ends with y.",
]
AT_ONCE = ["x at the same time as y", "x amid y", "x simultaneously with y"]
LATER_FIRST = ["This is a sound of y after x.", "y preceded by x", "y succeeds x"]
FIGURES = [*ORDERS, *AT_ONCE, *(f"{name}, of overlays" for name in AT_ONCE), "consistency", "consistency_held_out"]


@pytest.fixture(scope="module")
def examples(bank):
    return build_wording_examples(build_examples(bank, N_SCENES, seed=0))


def figures_of(examples, score):
    """Figures of a function of audio and caption."""
    captions = distinct_captions(examples)
    cosines = np.array([[float(score(audio, caption)) for caption in captions] for audio in distinct_audios(examples)])
    return score_wordings(examples, CosineTable(examples, cosines), seed=0)


def test_every_wording_is_asked_of_every_scene_and_the_right_are_true(bank, examples):
    assert sorted(example.task for example in examples) == sorted((ORDERS + AT_ONCE) * N_SCENES)
    for example in examples:
        (audio,) = example.audios
        assert audio.variant == "forward" or example.task in AT_ONCE
        x, y = (bank.labels[clip].replace("_", " ") for clip in audio.clips)
        if example.task in AT_ONCE:
            connective = example.task.removeprefix("x").removesuffix("y")
            assert example.candidates == (f"{x} followed by {y}", f"{y} followed by {x}", f"{x}{connective}{y}")
        else:
            words = example.task.replace(".", " .").replace(",", " ,").split()
            orders = (" ".join({"x": a, "y": b}.get(word, word) for word in words) for a, b in ((x, y), (y, x)))
            assert example.candidates == tuple(order.replace(" .", ".").replace(" ,", ",") for order in orders)
        true = [i for i, caption in enumerate(example.candidates) if caption in true_captions(bank, audio)]
        assert list(example.right) == true


def test_held_out_wordings_of_after_are_those_of_before():
    before = {template.format("x", "y") for template in HELD_OUT["before"]}
    assert {template.format("y", "x") for template in HELD_OUT["after"]} == before
    assert not before & {template.format("x", "y") for template in DEFAULT.values()}


def test_who_knows_everything_is_right_and_consistent(bank, examples):
    figures = figures_of(examples, lambda audio, caption: caption in true_captions(bank, audio))
    assert [name for name in figures if f"{name}_ci95" in figures] == FIGURES
    assert all(figures[name] == 1 for name in FIGURES)
    assert figures["x amid y_n"] == N_SCENES
    assert figures["x amid y, of overlays_n"] == N_SCENES / 3
    chances = {name: figures[f"{name}_chance"] for name in FIGURES}
    expected = dict.fromkeys(ORDERS, 1 / 2) | dict.fromkeys(FIGURES[8:14], 1 / 3)
    assert chances == pytest.approx(expected | {"consistency": 2 / 2**8, "consistency_held_out": 2 / 2**6})


def test_constant_scores_are_never_right_nor_consistent(examples):
    figures = figures_of(examples, lambda audio, caption: 0.5)
    assert all(figures[name] == 0 for name in FIGURES)


def test_who_takes_what_is_named_first_for_the_earlier_shows_it(bank, examples):
    def names_the_first_sound_first(audio, caption):
        first, second = (caption.find(bank.labels[clip].replace("_", " ")) for clip in audio.clips)
        return first < second

    figures = figures_of(examples, names_the_first_sound_first)
    for name in ORDERS:
        assert figures[name] == (0 if name in LATER_FIRST else 1)
    assert figures["consistency"] == figures["consistency_held_out"] == 0
    assert all(figures[f"{name}, of overlays"] == 0 for name in AT_ONCE)


def test_consistency_is_that_of_a_loop_over_scenes(examples):
    rng = np.random.default_rng(0)
    noise: dict = {}
    is_first = {caption: i == 0 for example in examples for i, caption in enumerate(example.candidates)}

    def score(audio, caption):
        return noise.setdefault((audio, caption), rng.random()) + 0.7 * is_first[caption]

    figures = figures_of(examples, score)
    scenes = {}
    for example in examples:
        if example.task in ORDERS:
            first, second = (score(example.audios[0], caption) for caption in example.candidates)
            scenes.setdefault((example.audios, example.labels), {}).setdefault(example.task, []).append(first > second)
    for name, wordings in (("consistency", ORDERS), ("consistency_held_out", ORDERS[2:])):
        same = n = 0
        for answers in scenes.values():
            for of_one_scene in zip(*(answers[wording] for wording in wordings), strict=True):
                n += 1
                same += all(a == b for a, b in itertools.pairwise(of_one_scene))
        assert n == figures[f"{name}_n"] == N_SCENES
        assert figures[name] == pytest.approx(same / n)
    assert 0 < figures["consistency"] < figures["consistency_held_out"] < 1


def test_at_most_200_scenes_are_asked_about(bank):
    examples = build_wording_examples(build_examples(bank, 203, seed=0))
    assert len(examples) == 200 * len(ORDERS + AT_ONCE)
