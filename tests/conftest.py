"""Shared fixtures: a tiny ESC-50 folder, a tiny model, and the command line."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a worker per core runs the tests: their threads would only wait

import numpy as np
import pytest
import soundfile
import torch
import yaml
from datasets import config as datasets_config
from huggingface_hub import constants

from dataset_scripts import build_dataset
from teminal.clips import ClipBank, build_bank
from teminal.dataset.shards import GROUPS_PER_SHARD
from teminal.sources import load_clips
from teminal.sources.synthetic import synthesise
from teminal.training.scratch import build_scratch_clap

from .here import ROOT, run_here  # noqa: F401 (tests take it from here)
from .own_sounds import write_classes

TINY_SCRATCH = {
    "projection_dim": 32,
    "vocab_size": 400,
    "audio_config": {
        "spec_size": 64,
        "patch_size": 8,
        "patch_stride": [8, 8],
        "patch_embeds_hidden_size": 16,
        "depths": [2, 2],
        "num_attention_heads": [2, 4],
        "hidden_size": 32,
        "window_size": 4,
        "num_mel_bins": 32,
        "hidden_dropout_prob": 0.0,
    },
    "text_config": {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    },
    "feature_extractor": {"feature_size": 32, "hop_length": 4096, "fft_window_size": 4096},
}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A folder of one's own sounds, with a sub-folder per class."""
    return write_classes(tmp_path_factory.mktemp("sounds"))


@pytest.fixture(scope="module")
def split_sounds(tmp_path_factory):
    """The same in folders for training, validation and testing."""
    root = tmp_path_factory.mktemp("splits")
    for split, n_clips in (("train", 3), ("validation", 1), ("test", 2)):
        write_classes(root / split, n_clips)
    return root


@pytest.fixture(scope="session", autouse=True)
def banks_of_its_own(tmp_path_factory):
    """Decoded clips go where pytest cleans up, for this process and those it starts."""
    folder = str(tmp_path_factory.mktemp("assets"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ASSETS_CACHE", folder)
        patch.setattr(constants, "HF_ASSETS_CACHE", folder)
        yield


@pytest.fixture(autouse=True)
def hub_as_before():
    """A test that finds the Hub out of reach leaves it for itself alone."""
    is_offline = constants.HF_HUB_OFFLINE, datasets_config.HF_HUB_OFFLINE
    with mock.patch.dict(os.environ):
        yield
    constants.HF_HUB_OFFLINE, datasets_config.HF_HUB_OFFLINE = is_offline


def run_cli(
    *args: object, cwd: Path = ROOT, timeout_s: float = 300, n_processes: int = 1
) -> subprocess.CompletedProcess:
    """Run a script in a process of its own, or on several gloo processes; [`run_here`] takes less time."""
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", n_processes]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    if n_processes > 1 and torch.cuda.is_available():  # one GPU cannot be shared; without any, nothing must be said
        env["ACCELERATE_USE_CPU"] = "true"
    command = [sys.executable, *map(str, several if n_processes > 1 else []), *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="session")
def esc50_dir(tmp_path_factory) -> Path:
    """The official layout with three classes in folds 1 and 2: WAV at 44.1 kHz and one Ogg, one of them stereo."""
    return write_esc50(tmp_path_factory.mktemp("ESC-50"), ["siren", "ticking", "wind"])


def write_esc50(root: Path, classes: list[str]) -> Path:
    """Write two generated clips of each class and of folds 1 and 2, in the official layout of ESC-50."""
    (root / "audio").mkdir()
    (root / "meta").mkdir()
    rows = []
    for target, label in enumerate(classes):
        for fold in (1, 2):
            for take in "AB":
                suffix = "ogg" if (label, take) == ("wind", "B") else "wav"
                name = f"{fold}-{1000 + target}{fold}-{take}-{target}.{suffix}"
                waveform = synthesise(label, 10 * fold + ord(take), 44_100)
                if (label, take) == ("siren", "B"):
                    waveform = np.stack([waveform, 0.5 * waveform], axis=1)
                soundfile.write(root / "audio" / name, waveform, 44_100)
                rows.append([name, fold, target, label, "False", f"{1000 + target}{fold}", take])
    with open(root / "meta" / "esc50.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        writer.writerows(rows)
    return root


@pytest.fixture(scope="session")
def bank() -> ClipBank:
    """A few synthetic clips of every class."""
    clips = load_clips("synthetic", [1])
    return build_bank([clip for clip in clips if clip.audio.number % 1000 < 3])


@pytest.fixture(scope="session")
def tiny_clap(bank):
    """A randomly initialised model without temporal head, and its processor."""
    torch.manual_seed(0)
    model, processor = build_scratch_clap(bank, temporal_head=False, **TINY_SCRATCH)
    return model.eval(), processor


@pytest.fixture
def inputs(tiny_clap, bank):
    """Three clips and three captions, ready for the tiny model."""
    _, processor = tiny_clap
    audio = [clip.astype(np.float32) for clip in bank.raw[:3]]
    features = processor.feature_extractor(audio, sampling_rate=48_000)
    text = processor.tokenizer(["a siren", "wind before rain", "x"], padding=True, return_tensors="pt")
    return {**text, **features}


@pytest.fixture(scope="session")
def tiny_recipe_text() -> str:
    """A YAML that trains the tiny model for a few steps per stage."""
    steps = {"max_train_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-3}
    several = {**steps, "replay_batch_size": 2, "replay_weight": 1.0, "in_group_weight": 1.0, "text_warmup_steps": 2}
    several["event_weight"] = 1.0
    recipe = {
        "source": "esc50",
        "train_folds": [1],
        "eval_folds": [2],
        "n_scenes": 12,
        "stages": ["pretrain", "A", "B"],
        "temporal_head": True,
        "mixed_precision": "no",  # the same numbers on every machine
        "pretrain": steps,
        "A": several,
        "B": several,
        "scratch": TINY_SCRATCH,
    }
    return yaml.safe_dump(recipe)


@pytest.fixture
def tiny_recipe(tiny_recipe_text, tmp_path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny_recipe_text)
    return path


@pytest.fixture(scope="session")
def built(esc50_dir, tmp_path_factory) -> Path:
    """A dataset built of the tiny ESC-50 folder, 20 groups for training and 20 for testing, in two shards each."""
    output_dir = tmp_path_factory.mktemp("built")
    flags = ["--source", "esc50", "--esc50_dir", esc50_dir, "--output_dir", output_dir, "--n_groups", 40]
    with mock.patch.dict(GROUPS_PER_SHARD, {True: 16}):
        build_dataset.main(list(map(str, [*flags, "--three_event_share", 0.5, "--num_proc", 1])))
    return output_dir
