"""Build one dataset on one process, on four, and killed at random moments: the bytes must be the same."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..conftest import ROOT

N_KILLS = 3


def build(output_dir: Path, num_proc: int) -> subprocess.Popen:
    command = [sys.executable, "dataset_scripts/build_dataset.py", "--source", "synthetic", "--n_groups", "600"]
    command += ["--output_dir", str(output_dir), "--num_proc", str(num_proc)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


def build_to_the_end(output_dir: Path, num_proc: int) -> dict[str, str]:
    """Shard -> its SHA-256."""
    assert build(output_dir, num_proc).wait() == 0
    report = json.loads((output_dir / "synthetic" / "build_report.json").read_text())
    return {shard["file"]: shard["sha256"] for split in report["splits"].values() for shard in split["shards"]}


@pytest.mark.slow
def test_a_dataset_has_the_same_bytes_on_any_number_of_processes_and_after_kills(tmp_path):
    started = time.perf_counter()
    expected = build_to_the_end(tmp_path / "one", 1)
    time_s, moments = time.perf_counter() - started, random.Random(0)
    for _ in range(N_KILLS):
        process = build(tmp_path / "killed", 2)
        time.sleep(moments.uniform(0.1, 0.4) * time_s)
        process.kill()
        process.wait()
    assert build_to_the_end(tmp_path / "killed", 2) == expected
    assert build_to_the_end(tmp_path / "four", 4) == expected
