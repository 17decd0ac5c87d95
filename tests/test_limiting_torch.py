import numpy as np
import pytest
import torch

from teminal.event_loops import PEAK, RMS, limiting_gain
from teminal.limiting_torch import limiting_gains, sum_precisely
from teminal.rendering import SCENE_SAMPLES


@pytest.mark.parametrize("n_samples", [48_000, 48_500, 700])
def test_gains_are_those_of_numpy_each_row_with_its_own_peak_and_power(n_samples):
    rng = np.random.default_rng(1)
    rows = [0.1 * rng.standard_normal(n_samples), np.sign(rng.standard_normal(n_samples))]
    rows += [rng.laplace(size=n_samples) ** power for power in (1, 3, 5)]  # ever larger peaks
    rows, peaks = np.stack(rows).astype(np.float32), PEAK * np.array([0.5, 1, 0.8, 0.9, 1])
    n_loud = n_samples * np.array([1, 0.5, 1.1, 1, 0.7])
    expected = [limiting_gain(row, peak, n) for row, peak, n in zip(rows, peaks, n_loud, strict=True)]
    target = torch.from_numpy(n_loud) * RMS**2
    found = limiting_gains(torch.from_numpy(rows).square(), torch.from_numpy(peaks), target)
    assert (found / torch.tensor(expected) - 1).abs().max() <= 1e-7


def test_gains_hold_the_level_where_nearly_all_is_clipped():
    rows = np.random.default_rng(1).laplace(size=(2, SCENE_SAMPLES)) ** np.array([[3], [5]])
    power, peaks = torch.from_numpy(rows).float().square(), torch.full((2,), 1.01 * RMS, dtype=torch.float64)
    gains = limiting_gains(power, peaks, torch.full((2,), SCENE_SAMPLES * RMS**2, dtype=torch.float64))
    limited = (power.double().sqrt() * gains[:, None]).clamp(max=1.01 * RMS)
    assert (limited.square().mean(1).sqrt() / RMS - 1).abs().max() <= 1e-7


@pytest.mark.parametrize("n_samples", [1, 959, 960, 1921, 96_000])
def test_sums_are_precise_for_any_number_of_samples(n_samples):
    values = torch.rand(2, 3, n_samples, generator=torch.Generator().manual_seed(0))
    assert (sum_precisely(values) / values.double().sum(-1) - 1).abs().max() <= 1e-7
