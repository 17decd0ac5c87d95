"""What an accelerator makes of a batch is what the workers make of it in NumPy."""

import json

import numpy as np
import pytest
import torch

from teminal import rendering_torch
from teminal.event_loops import EVENT_SAMPLES, PEAK, RMS, limiting_gain
from teminal.rendering import OVERLAY_SNR_DB, SCENE_SAMPLES, render_group
from teminal.rendering_torch import limiting_gains, render_groups
from teminal.sampling.training import TrainingSampler
from teminal.training.batches import BatchComposer, on_device
from teminal.training.config import StageConfig
from teminal.training.loading import BatchLoader

from .conftest import run_cli
from .training.test_loading import take

SETTINGS = StageConfig(per_device_train_batch_size=5, replay_batch_size=3, max_train_steps=3)


@pytest.fixture
def composer(bank, tiny_clap):
    def build(stage, device):
        extractor = tiny_clap[1].feature_extractor
        return BatchComposer(TrainingSampler(bank), extractor, stage, SETTINGS, seed=3, device=torch.device(device))

    return build


def spiky_loops(rng, n_groups, n_spikes):
    """Noise with spikes of up to 50 dB over its level, which are clipped hard."""
    loops = 0.1 * rng.standard_normal((n_groups, 2, EVENT_SAMPLES)).astype(np.float32)
    at = rng.integers(0, EVENT_SAMPLES, (n_groups, 2, n_spikes))
    np.put_along_axis(loops, at, rng.uniform(-30, 30, at.shape).astype(np.float32), axis=2)
    return loops


def real_like_loops(rng, bank, n_groups):
    return bank.loops[rng.integers(0, len(bank.clips), (n_groups, 2))]


@pytest.mark.parametrize("n_spikes", [None, 0, 3, 1000, 30_000])
def test_groups_are_those_of_numpy(bank, n_spikes):
    rng = np.random.default_rng(0)
    loops = real_like_loops(rng, bank, 8) if n_spikes is None else spiky_loops(rng, 4, n_spikes)
    snr_db = rng.uniform(*OVERLAY_SNR_DB, len(loops))
    expected = [render_group(*group.astype(np.float32), snr_db=snr) for group, snr in zip(loops, snr_db, strict=True)]
    expected = torch.from_numpy(np.stack([list(group.values()) for group in expected]))
    found = render_groups(torch.from_numpy(loops), torch.from_numpy(snr_db))
    assert found.dtype == torch.float32
    assert found.shape == (len(loops), 4, SCENE_SAMPLES)
    assert (found - expected).abs().max() <= 1e-6
    assert (found.double().square().mean(2).sqrt() / RMS - 1).abs().max() <= 1e-6


def test_gains_are_those_of_numpy_each_row_with_its_own_peak():
    rng = np.random.default_rng(1)
    rows = [0.1 * rng.standard_normal(SCENE_SAMPLES), np.sign(rng.standard_normal(SCENE_SAMPLES))]
    rows += [rng.laplace(size=SCENE_SAMPLES) ** power for power in (1, 3, 5)]  # ever larger peaks
    rows, peaks = np.stack(rows).astype(np.float32), PEAK * np.array([0.5, 1, 0.8, 0.9, 1])
    expected = torch.tensor([limiting_gain(row, peak, len(row)) for row, peak in zip(rows, peaks, strict=True)])
    found = limiting_gains(torch.from_numpy(rows).square(), torch.from_numpy(peaks))
    assert (found / expected - 1).abs().max() <= 1e-7


def test_gains_hold_the_level_where_nearly_all_is_clipped():
    rows = np.random.default_rng(1).laplace(size=(2, SCENE_SAMPLES)) ** np.array([[3], [5]])
    power = torch.from_numpy(rows).float().square()
    gains = limiting_gains(power, torch.full((2,), 1.01 * RMS, dtype=torch.float64))
    limited = (power.double().sqrt() * gains[:, None]).clamp(max=1.01 * RMS)
    assert (limited.square().mean(1).sqrt() / RMS - 1).abs().max() <= 1e-7


@pytest.mark.parametrize("stage", ["pretrain", "A", "B", "joint"])
def test_features_made_later_are_those_of_the_workers(composer, stage, monkeypatch):
    monkeypatch.setattr(rendering_torch, "GROUPS_AT_ONCE", 2)
    expected, drawn = composer(stage, "cpu")[1], composer(stage, "cuda")[1]
    assert drawn.features is None
    batch = on_device(drawn, composer(stage, "cpu").extractor, torch.device("cpu"))
    assert batch.features.windows.shape == expected.features.windows.shape
    assert (batch.features.windows - expected.features.windows).abs().max() <= 1e-3
    assert batch.texts == expected.texts
    assert torch.equal(batch.audio_rows, expected.audio_rows)


def test_a_batch_of_the_workers_stays_as_it_is(composer):
    batch = composer("B", "cpu")[0]
    assert on_device(batch, composer("B", "cpu").extractor, torch.device("cpu")) is batch


@pytest.mark.filterwarnings("ignore:.*pin_memory")
def test_workers_hand_over_what_the_composer_reads(composer):
    loaded = take(BatchLoader(composer("joint", "cuda"), 1, num_workers=1))
    for batch, step in zip(loaded, (1, 2), strict=True):
        found, expected = batch.unrendered, composer("joint", "cuda")[step].unrendered
        assert found.loops.dtype == torch.float16
        for name in ("loops", "snr_db", "rows", "recorded"):
            assert torch.equal(getattr(found, name), getattr(expected, name))


@pytest.mark.gpu
def test_features_made_on_the_gpu_are_those_of_the_workers(composer):
    batch = take(BatchLoader(composer("joint", "cuda"), 1, num_workers=1))[0]
    assert batch.unrendered.loops.is_pinned()
    assert batch.unrendered.recorded.is_pinned()
    features = on_device(batch, composer("joint", "cuda").extractor, torch.device("cuda")).features.windows
    assert features.is_cuda
    assert (features.cpu() - composer("joint", "cpu")[1].features.windows).abs().max() <= 1e-2


@pytest.mark.gpu
def test_two_steps_of_every_stage_on_the_gpu(tiny_recipe, esc50_dir, tmp_path):
    assert torch.cuda.is_available()
    flags = ["--esc50_dir", esc50_dir, "--output_dir", tmp_path / "run", "--max_train_steps", 2]
    result = run_cli("train_accelerate.py", "--config", tiny_recipe, *flags)
    assert result.returncode == 0, result.stderr
    stages = json.loads((tmp_path / "run" / "results.json").read_text())["stages"]
    assert all(np.isfinite(stages[stage]["loss"]) for stage in ("pretrain", "A", "B"))
