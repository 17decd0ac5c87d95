"""Test that killed, stopped and resumed runs lose and overwrite nothing."""

import errno
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from teminal.training import run
from teminal.training.checkpoints import (
    check_output_dir,
    find_checkpoint,
    list_checkpoints,
    load_checkpoint,
    remove_unfinished,
    save_checkpoint,
)
from teminal.training.config import TrainingConfig
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
    """Run the command in a process and kill it once it has saved the checkpoint of that step."""
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
        other = list_checkpoints(whole)[0].name
        with pytest.raises(ValueError, match=rf"state.pt is truncated or damaged\); resume with .*{other}"):
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


def save(output_dir, global_step, save_total_limit=2):
    return save_checkpoint(output_dir, Progress(global_step=global_step), {}, {"seed": 0}, save_total_limit)


@pytest.mark.parametrize("option", ["model_name_or_path", "text_model_name_or_path"])
@pytest.mark.parametrize("inside", [".", "after_A"])
def test_the_base_is_not_overwritten(tmp_path, option, inside):
    base = tmp_path / inside
    base.mkdir(exist_ok=True)
    start = {option: str(base)}
    if option == "text_model_name_or_path":
        start |= {"stages": ["pretrain"], "scratch": {"vocab_size": 600}}
    recipe = TrainingConfig(output_dir=str(tmp_path / "x" / ".."), **start)
    (tmp_path / "x").mkdir()
    with pytest.raises(ValueError, match=f"would overwrite --{option} {base}"):
        check_output_dir(recipe, None)
    check_output_dir(TrainingConfig(output_dir=str(tmp_path / "new"), **start), None)


@pytest.mark.parametrize("name", ["README.md", "results.json", "model.safetensors", "adapter", "after_pretrain"])
def test_what_something_else_left_is_neither_overwritten_nor_published(tmp_path, name):
    recipe = TrainingConfig(output_dir=str(tmp_path), model_name_or_path="clap")
    (tmp_path / "slurm-1.out").write_text("in the way of nothing")
    check_output_dir(recipe, None)
    file = tmp_path / name / "adapter_config.json" if "." not in name else tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    with pytest.raises(ValueError, match=rf"--output_dir {tmp_path} holds {name}, which is not of this run"):
        check_output_dir(recipe, None)
    with pytest.raises(ValueError, match="not of this run"):
        check_output_dir(recipe, tmp_path / "other" / "checkpoint-5")
    check_output_dir(recipe, save(tmp_path, 5))
    assert file.read_text() == "mine"


def test_what_a_kill_while_saving_left_is_deleted(tmp_path):
    (tmp_path / ".checkpoint-7").mkdir()
    (tmp_path / ".checkpoint-7" / "state.pt").write_bytes(b"some of it")
    save(tmp_path, 5)
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]
    remove_unfinished(tmp_path)


def test_a_run_folder_means_its_newest_checkpoint(tmp_path):
    for step in (5, 10):
        save(tmp_path, step)
    assert find_checkpoint(tmp_path / "new", str(tmp_path)) == tmp_path / "checkpoint-10"
    assert find_checkpoint(tmp_path / "new", str(tmp_path / "checkpoint-5")) == tmp_path / "checkpoint-5"


@pytest.mark.parametrize("limit", [1, 2])
def test_going_on_from_an_earlier_checkpoint_drops_the_later_ones(tmp_path, limit):
    for step in (5, 10):
        save(tmp_path, step)
    save(tmp_path, 8, limit)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["checkpoint-5", "checkpoint-8"][-limit:]


def test_a_run_that_is_refused_makes_no_repository(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("mine")
    monkeypatch.setattr(run, "start_accelerator", lambda recipe: SimpleNamespace(is_main_process=True))
    monkeypatch.setattr(run, "broadcast_object_list", lambda objects: objects)
    monkeypatch.setattr(run, "check_hub_access", lambda *_: pytest.fail("asked too early"))
    flags = {"model_name_or_path": "clap", "push_to_hub": True, "hub_model_id": "me/clap"}
    config = TrainingConfig(output_dir=str(tmp_path), **flags)
    with pytest.raises(ValueError, match=r"holds README\.md, which is not of this run"), run.start_run(config, None):
        pytest.fail("not refused")


def test_checkpoints_of_an_abandoned_course_are_deleted_before_the_new_one_has_its_name(tmp_path, monkeypatch):
    for step in (5, 10):
        save(tmp_path, step)
    rename, names = Path.rename, []
    monkeypatch.setattr(Path, "rename", lambda path, to: names.append(to.name) or rename(path, to))
    save(tmp_path, 8)
    assert names == [".checkpoint-10-deleted", "checkpoint-8"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-5", "checkpoint-8"]
