"""What an accelerator makes of a batch is what the workers make of it in NumPy."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from teminal.rendering import SCENE_SAMPLES, render
from teminal.sampling import layouts
from teminal.sampling.training import TrainingSampler
from teminal.scenes import Composition, Layout
from teminal.training import unrendered
from teminal.training.batches import BatchComposer, on_device
from teminal.training.loading import BatchLoader
from teminal.training.stages import StageConfig
from teminal.training.unrendered import Unrendered

from ..conftest import run_cli
from .test_loading import take

SETTINGS = StageConfig(per_device_train_batch_size=4, replay_batch_size=3, max_train_steps=3)
FREE = replace(SETTINGS, free_layout_share=0.7, max_events=4, max_duration_s=25.0)
CPU = torch.device("cpu")


@pytest.fixture
def composer(bank, tiny_clap):
    def build(stage, device, settings=SETTINGS):
        extractor = tiny_clap[1].feature_extractor
        return BatchComposer(TrainingSampler(bank), extractor, stage, settings, seed=3, device=torch.device(device))

    return build


def test_waveforms_come_in_the_order_of_the_compositions_recorded_clips_last(bank, monkeypatch):
    monkeypatch.setattr(unrendered, "SAMPLES_AT_ONCE", 2 * SCENE_SAMPLES)
    monkeypatch.setattr(unrendered, "RECORDED_AT_ONCE", 2)
    durations_s = [10.0, 3.0, 9.0, 3.5, 25.0, 4.0, 3.0]
    compositions = []
    for number, duration_s in enumerate(durations_s):
        group = Composition((number, number + 5), snr_db=float(number), layout=Layout(duration_s))
        kept = ["reversed", "single"] if number % 2 else ["overlay"]
        compositions += [replace(group, variant=variant) for variant in kept]
    compositions += [Composition((number,)) for number in (8, 2, 4)]
    parts = list(Unrendered.read(compositions, bank.loops, bank.raw).render(CPU))
    assert len(parts) > 3
    found = [waveform for part in parts for waveform in part]
    for waveform, expected in zip(found, render(compositions, bank.loops, bank.raw), strict=True):
        np.testing.assert_allclose(waveform.numpy(), expected, atol=1e-6)


def test_no_scene_is_padded_to_twice_its_length(bank, monkeypatch):
    rendered = []

    def spy(groups, loops):
        rendered.append([group[0].layout.duration_s for group in groups])
        return [[torch.zeros(1)] for _ in groups]

    monkeypatch.setattr(unrendered, "render_groups", spy)
    durations_s = [10.0, 3.0, 59.0, 6.0, 11.0, 10.0, 30.0, 5.0]
    compositions = [Composition((0, 5), layout=Layout(duration_s), variant="forward") for duration_s in durations_s]
    parts = list(Unrendered.read(compositions, bank.loops, bank.raw).render(CPU))
    assert [len(part) for part in parts] == [len(durations_s)]
    assert sorted(itertools.chain.from_iterable(rendered)) == sorted(durations_s)
    assert len(rendered) < len(durations_s)
    assert all(max(together) < 2 * min(together) for together in rendered)


@pytest.mark.parametrize(
    ("stage", "settings"), [("pretrain", SETTINGS), ("A", SETTINGS), ("B", FREE), ("joint", FREE)]
)
def test_features_made_later_are_those_of_the_workers(composer, stage, settings, monkeypatch):
    monkeypatch.setattr(layouts, "LONG_SHARE", 1.0)
    expected, drawn = composer(stage, "cpu", settings)[1], composer(stage, "cuda", settings)[1]
    assert drawn.features is None
    batch = on_device(drawn, composer(stage, "cpu").extractor, CPU)
    assert torch.equal(batch.features.window_counts, expected.features.window_counts)
    assert (expected.features.window_counts.max() > 1) == (settings is FREE)
    assert torch.equal(batch.features.num_frames, expected.features.num_frames)
    assert (batch.features.windows - expected.features.windows).abs().max() <= 1e-3
    assert batch.texts == expected.texts
    assert torch.equal(batch.audio_rows, expected.audio_rows)


def test_a_batch_of_the_workers_stays_as_it_is(composer):
    batch = composer("B", "cpu")[0]
    assert on_device(batch, composer("B", "cpu").extractor, CPU) is batch


@pytest.mark.filterwarnings("ignore:.*pin_memory")
def test_workers_hand_over_what_the_composer_reads(composer):
    loaded = take(BatchLoader(composer("joint", "cuda", FREE), 1, num_workers=1))
    for batch, step in zip(loaded, (1, 2), strict=True):
        found, expected = batch.unrendered, composer("joint", "cuda", FREE)[step].unrendered
        assert found.loops.dtype == torch.float16
        assert found.groups == expected.groups
        assert torch.equal(found.loops, expected.loops)
        assert torch.equal(found.recorded, expected.recorded)


@pytest.mark.gpu
def test_features_made_on_the_gpu_are_those_of_the_workers(composer):
    batch = take(BatchLoader(composer("joint", "cuda", FREE), 1, num_workers=1))[0]
    assert batch.unrendered.loops.is_pinned()
    assert batch.unrendered.recorded.is_pinned()
    features = on_device(batch, composer("joint", "cuda", FREE).extractor, torch.device("cuda")).features.windows
    assert features.is_cuda
    assert (features.cpu() - composer("joint", "cpu", FREE)[1].features.windows).abs().max() <= 1e-2


@pytest.mark.gpu
def test_two_steps_of_every_stage_on_the_gpu(tiny_recipe, esc50_dir, tmp_path):
    assert torch.cuda.is_available()
    flags = ["--esc50_dir", esc50_dir, "--output_dir", tmp_path / "run", "--max_train_steps", 2]
    result = run_cli("train_accelerate.py", "--config", tiny_recipe, *flags)
    assert result.returncode == 0, result.stderr
    stages = json.loads((tmp_path / "run" / "results.json").read_text())["stages"]
    assert all(np.isfinite(stages[stage]["loss"]) for stage in ("pretrain", "A", "B"))
