"""Test that a training killed at random moments ends with the weights of an uninterrupted one."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import ROOT

FLAGS = ["--config", "configs/quickstart.yaml", "--max_train_steps", "20", "--text_warmup_steps", "10"]
FLAGS += ["--n_scenes", "20", "--save_steps", "7", "--resume_from_checkpoint", "latest"]
N_KILLS = 8
LONGEST_S = 25.0  # a run is killed by then; a start takes about ten seconds


def train(output_dir: Path) -> subprocess.Popen:
    command = [sys.executable, "train_accelerate.py", *FLAGS, "--output_dir", str(output_dir)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def train_to_the_end(output_dir: Path) -> bytes:
    process = train(output_dir)
    _, said = process.communicate()
    assert process.returncode == 0, said[-2000:]
    return (output_dir / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_a_training_that_is_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    moments = random.Random(0)
    for _ in range(N_KILLS):
        process = train(tmp_path / "killed")
        try:
            process.communicate(timeout=moments.uniform(0, LONGEST_S))
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    assert train_to_the_end(tmp_path / "killed") == train_to_the_end(tmp_path / "whole")
