"""Accuracy and mAP of matrices with known answers."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from teminal.evaluation.classification import accuracy_figures, map_figures, resampled_average_precision
from teminal.evaluation.statistics import resample


def test_accuracy_on_each_fold_and_their_mean():
    scores = np.array([[0.9, 0.1, 0.2], [0.4, 0.3, 0.1], [0.2, 0.5, 0.4], [0.1, 0.2, 0.3]])
    figures = accuracy_figures(scores, targets=[0, 1, 1, 2], folds=[1, 2, 2, 2])
    assert (figures["fold 1"], figures["fold 1_n"]) == (1, 1)
    assert figures["fold 2"] == pytest.approx(2 / 3)
    assert figures["accuracy"] == pytest.approx((1 + 2 / 3) / 2)
    assert (figures["accuracy_n"], figures["accuracy_chance"]) == (4, pytest.approx(1 / 3))


def test_a_source_without_folds_has_one_figure():
    figures = accuracy_figures(np.eye(3), targets=[0, 1, 2], folds=[0, 0, 0])
    assert figures == {
        "accuracy": 1,
        "accuracy_ci95": [1, 1],
        "accuracy_n": 3,
        "accuracy_chance": pytest.approx(1 / 3),
    }


def test_ties_lose():
    assert accuracy_figures(np.full((4, 3), 0.5), [0, 1, 2, 0], [1, 1, 2, 2])["accuracy"] == 0
    assert accuracy_figures(np.array([[0.5, 0.5, 0.1]]), [1], [1])["accuracy"] == 0


def test_the_interval_is_the_bootstrap_over_clips():
    targets = np.zeros(400, int)
    scores = np.stack([np.arange(400) % 5 < 3, np.full(400, 0.5)], axis=1)
    figures = accuracy_figures(scores, targets, np.repeat([1, 2], 200))
    assert figures["accuracy"] == pytest.approx(0.6)
    for name, n in (("fold 1", 200), ("accuracy", 400)):
        spread = 1.96 * np.sqrt(0.6 * 0.4 / n)
        assert figures[f"{name}_ci95"] == pytest.approx([0.6 - spread, 0.6 + spread], abs=0.015)
    assert figures == accuracy_figures(scores, targets, np.repeat([1, 2], 200))
    assert figures != accuracy_figures(scores, targets, np.repeat([1, 2], 200), seed=1)


def test_average_precision_of_samples_is_scikit_learns_with_weights():
    rng = np.random.default_rng(0)
    for values in (200, 5):  # hardly any ties, and many
        scores, is_right = rng.integers(0, values, 50) / values, rng.random(50) < 0.3
        counts = resample(50, 0)[:40]
        found = resampled_average_precision(scores, is_right, counts)
        expected = [average_precision_score(is_right, scores, sample_weight=weight) for weight in counts]
        assert found == pytest.approx(expected)
    assert np.isnan(resampled_average_precision(scores, is_right, is_right[None] == 0)).all()


def test_map_of_known_rankings():
    is_right = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]], bool)
    scores = np.array([[0.9, 0.1, 0.5], [0.5, 0.8, 0.5], [0.4, 0.7, 0.5], [0.1, 0.6, 0.5]])
    figures = map_figures(scores, is_right)
    assert figures["mAP"] == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)  # the third class has no clip
    assert (figures["mAP_n"], figures["mAP_chance"]) == (4, pytest.approx(5 / 8))
    constant = map_figures(np.zeros((4, 3)), is_right)
    assert constant["mAP"] == pytest.approx(constant["mAP_chance"])


def test_the_interval_of_map_holds_it():
    rng = np.random.default_rng(1)
    is_right = rng.random((300, 6)) < 0.2
    scores = is_right + rng.standard_normal(is_right.shape)
    figures = map_figures(scores, is_right)
    low, high = figures["mAP_ci95"]
    assert figures["mAP_chance"] < low < figures["mAP"] < high < 1
    assert 0.02 < high - low < 0.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: accuracy_figures(np.zeros((2, 3)), [0], [1]), "expected is"),
        (lambda: accuracy_figures(np.zeros((2, 1)), [0, 0], [1, 1]), "one class only"),
        (lambda: accuracy_figures(np.array([[0, np.inf]]), [0], [1]), "not finite"),
        (lambda: map_figures(np.zeros((2, 3)), np.zeros((2, 3), bool)), "no clip has any"),
        (lambda: map_figures(np.zeros((2, 3)), np.ones((2, 2), bool)), "expected is"),
    ],
)
def test_bad_matrices_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
