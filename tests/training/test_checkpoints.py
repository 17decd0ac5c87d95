"""Nothing is lost: killed, told to stop, out of disk, or resumed from something else."""

import errno
import json
import re
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from teminal.training import run
from teminal.training.checkpoints import find_checkpoint, list_checkpoints, load_checkpoint, save_checkpoint
from teminal.training.progress import Progress

from ..conftest import ROOT, run_here
from ..own_sounds import write_classes

# Every state that a checkpoint carries: a running mean, the best weights by validation, the base, dropout.
CARRIED = ("--ema_decay", 0.9, "--validation_folds", 3, "--validation_scenes", 3, "--eval_steps", 4, "--wise_ft", 0.7)


@pytest.fixture(scope="module")
def command(tiny_recipe_text, tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    config = folder / "tiny.yaml"
    config.write_text(tiny_recipe_text.replace("hidden_dropout_prob: 0.0", "hidden_dropout_prob: 0.1"))
    sounds = write_classes(folder / "sounds")  # a clip of each class in each of five folds
    flags = ["--config", config, "--source", "folder", "--audio_dir", sounds, "--train_folds", 1, 4, 5]
    flags += ["--n_scenes", 2, "--max_train_steps", 8, "--save_steps", 3]
    return ["train_accelerate.py", *flags, *CARRIED]


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("whole")
    result = run_here(*command, "--output_dir", output_dir)
    assert result.returncode == 0, result.stderr
    return output_dir


def kill(command, output_dir, global_step):
    """Kill a process that runs the command once its checkpoint of that step is there."""
    flags = ["--output_dir", output_dir, "--resume_from_checkpoint", "latest"]
    arguments = list(map(str, [sys.executable, *command, *flags]))
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.time() + 120
    while not (output_dir / f"checkpoint-{global_step}").is_dir() and time.time() < deadline:
        time.sleep(0.005)
    process.kill()
    _, said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said


def test_killed_at_any_moment_it_goes_on_to_the_same_bits(command, whole, tmp_path, monkeypatch):
    def save(output_dir, progress, *others):
        save_checkpoint(output_dir, progress, *others)
        if progress.global_step in (3, 19):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(run, "save_checkpoint", save)
    resume = (*command, "--output_dir", tmp_path, "--resume_from_checkpoint", "latest")
    stopped = run_here(*resume)
    assert stopped.returncode == 143, stopped.stderr
    kill(command, tmp_path, 11)
    stopped = run_here(*resume)
    assert stopped.returncode == 143, stopped.stderr
    finished = run_here(*resume)
    assert finished.returncode == 0, finished.stderr
    expected, found = (load_file(folder / "model.safetensors") for folder in (whole, tmp_path))
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    results, again = (json.loads((folder / "results.json").read_text()) for folder in (whole, tmp_path))
    assert results["zste"] == again["zste"]
    assert results["validations"] == again["validations"]
    assert len(list_checkpoints(tmp_path)) == 2


def test_another_recipe_and_a_damaged_checkpoint_are_refused(command, whole, tmp_path):
    last = list_checkpoints(whole)[-1]
    other = run_here(
        *command, "--output_dir", tmp_path / "x", "--resume_from_checkpoint", last, "--seed", 1, "--beta", 2
    )
    assert other.returncode == 1
    assert f"{last}: made by a run with other beta, seed; use the same" in other.stderr
    about = json.loads((last / "checkpoint.json").read_text())
    content = (last / "state.pt").read_bytes()
    try:
        (last / "state.pt").write_bytes(content[:-1000])
        with pytest.raises(
            ValueError, match=rf"state.pt is truncated or damaged; go on with .*{list_checkpoints(whole)[0].name}"
        ):
            load_checkpoint(last, about["run"])
    finally:
        (last / "state.pt").write_bytes(content)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_checkpoint(whole, str(tmp_path / "nowhere"))


def test_another_run_does_not_mix_its_checkpoints_with_those_that_are_there(whole, tmp_path):
    with pytest.raises(ValueError, match=r"holds checkpoints of an earlier run: .*--resume_from_checkpoint latest"):
        find_checkpoint(whole, None)
    assert find_checkpoint(whole, "latest") == list_checkpoints(whole)[-1]
    assert find_checkpoint(tmp_path, None) is None
    assert find_checkpoint(tmp_path, "latest") is None


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    tensors = {"model": {"weight": torch.ones(3)}}
    run = {"seed": 0}
    save_checkpoint(tmp_path, Progress(global_step=5), tensors, run, save_total_limit=1)

    def full(tensors, path):
        path.write_bytes(b"some of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"checkpoint-6 cannot be written .*No space left.*checkpoint-5"):
        save_checkpoint(tmp_path, Progress(global_step=6), tensors, run, save_total_limit=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]
    progress, loaded = load_checkpoint(tmp_path / "checkpoint-5", run)
    assert progress.global_step == 5
    assert torch.equal(loaded["model"]["weight"], torch.ones(3))


def test_a_loss_that_is_not_finite_stops_with_step_clips_and_checkpoint(command, tmp_path):
    flags = ["--learning_rate", "1e30", "--warmup_ratio", 0, "--max_grad_norm", "1e30"]
    every = command.index("--save_steps") + 1
    result = run_here(*command[:every], 1, *command[every + 1 :], "--output_dir", tmp_path, *flags)
    assert result.returncode == 1
    error = result.stderr.splitlines()[-1]
    assert error.startswith("train_accelerate.py: error: stage pretrain, step ")
    assert "is not finite" in error or "the loss is" in error
    last = list_checkpoints(tmp_path)
    assert f"last good checkpoint: {last[-1]}" in error
    assert re.search(r"clips of this batch: \w+/\w+-\d\.\w+, ", error)
