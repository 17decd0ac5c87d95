"""Differences between models are paired."""

import numpy as np
import pandas as pd
import pytest

from teminal.evaluation.score import compute_figures
from teminal.evaluation.statistics import Figures, compare_models, resample


def test_differences_of_other_benchmarks_are_paired():
    rng = np.random.default_rng(0)
    worse = rng.random(500) < 0.5
    results = {"a": Figures(), "b": Figures()}
    for name, right in {"a": worse, "b": worse | (np.arange(500) % 10 == 0)}.items():
        results[name].add("accuracy", right.mean(), resample(500, 3) @ right / 500, 500)
    found = compare_models(results)["b - a"]["accuracy"]
    assert found["difference"] == pytest.approx(results["b"]["accuracy"] - results["a"]["accuracy"])
    low, high = found["ci95"]
    assert 0 < low < found["difference"] < high < found["difference"] + 0.03  # unpaired: 0.06


def test_differences_of_zste_are_paired():
    rng = np.random.default_rng(0)
    worse = rng.random(1000) < 0.5
    better = worse | (np.arange(1000) % 20 == 0)
    results = {}
    for name, right in {"a": worse, "b": better}.items():
        judged = pd.DataFrame({"task": "3A", "group": "", "right": right, "chance": 0.5})
        results[name] = Figures(*compute_figures(judged))
    found = compare_models(results)["b - a"]["3A"]
    gain = better.mean() - worse.mean()
    assert found["difference"] == pytest.approx(gain)
    low, high = found["ci95"]
    assert 0 < low < gain < high
    assert high - low < 4 * 1.1 * (gain / 1000) ** 0.5  # unpaired: more than 0.08
