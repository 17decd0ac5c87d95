"""Accuracy along robustness curves beside a loop, and their picture."""

import numpy as np
import pytest
from scipy.stats import binomtest

from teminal.evaluation import curve_plots
from teminal.evaluation.curve_plots import plot_curves
from teminal.evaluation.curves import score_curves
from teminal.evaluation.score import CosineTable, distinct_audios, distinct_captions
from teminal.evaluation.zste_questions import build_curve_examples
from teminal.sampling.curves import CURVES, name_point

from ..zste_truth import true_captions

pytest_plugins = ["tests.pictures"]


@pytest.fixture(scope="module")
def examples(bank):
    return build_curve_examples(bank, 40, seed=0)


@pytest.fixture(scope="module")
def noisy(bank, examples):
    """(audios, captions): scores of who knows the order of sounds if there is no gap, and guesses else."""
    rng = np.random.default_rng(0)
    return np.array(
        [
            [
                rng.random() + 2 * (caption in true_captions(bank, audio) and not audio.layout.slots)
                for caption in distinct_captions(examples)
            ]
            for audio in distinct_audios(examples)
        ]
    )


def test_accuracy_is_that_of_a_loop_over_statements(bank, examples, noisy):
    found = score_curves(examples, CosineTable(examples, noisy))
    audios, captions = distinct_audios(examples), distinct_captions(examples)
    assert {curve: tuple(point["value"] for point in points) for curve, points in found.items()} == CURVES
    for curve, points in found.items():
        for point in points:
            asked = [example for example in examples if example.task == name_point(curve, point["value"])]
            n_right = 0
            for example in asked:
                row = noisy[audios.index(example.audios[0])]
                x, y = (bank.labels[clip].replace("_", " ") for clip in example.audios[0].clips)
                true = [f"This is a sound of {x} before {y}.", f"This is a sound of {y} after {x}."]
                false = [f"This is a sound of {y} before {x}.", f"This is a sound of {x} after {y}."]
                assert sorted(example.candidates) == sorted(true + false)
                n_right += all(row[captions.index(t)] > row[captions.index(f)] for t in true for f in false)
            assert (point["n"], point["chance"]) == (10, pytest.approx(1 / 6))
            assert point["accuracy"] == n_right / 10
            low, high = binomtest(n_right, 10).proportion_ci(method="wilson")
            assert point["ci95"] == [low, high]
    assert all(point["accuracy"] == 1 for point in found["duration_s"] + found["background_db"])
    assert any(point["accuracy"] < 1 for point in found["gap_s"])


def test_constant_scores_are_never_right(examples, noisy):
    found = score_curves(examples, CosineTable(examples, np.full(noisy.shape, 0.5)))
    assert {point["accuracy"] for points in found.values() for point in points} == {0}


def test_the_picture_has_a_panel_for_each_curve_with_a_line_a_band_and_chance(drawn, examples, noisy, tmp_path):
    curves = score_curves(examples, CosineTable(examples, noisy))
    plot_curves(tmp_path / "x.png", {"base": curves, "ours": curves})
    (page,) = drawn
    assert [axes.get_xlabel().split(";")[0] for axes in page.axes] == list(curve_plots.AXES.values())
    for axes, points in zip(page.axes, curves.values(), strict=True):
        base, ours, chance = axes.lines
        assert list(base.get_ydata()) == list(ours.get_ydata()) == [100 * point["accuracy"] for point in points]
        assert chance.get_linestyle() == "--"
        assert chance.get_ydata()[0] == pytest.approx(100 / 6)
        assert len(axes.collections) == 2
        band = axes.collections[0].get_paths()[0].vertices
        assert band[:, 1].min() == pytest.approx(100 * min(point["ci95"][0] for point in points))
    assert [text.get_text() for text in page.legends[0].get_texts()] == ["base", "ours", "chance"]
    ticks = {label.get_text() for axes in page.axes for label in axes.get_xticklabels()}
    assert {"1:9", "60", "none", "0"} <= ticks
