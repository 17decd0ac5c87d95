"""An output folder is one run's, and what is not that run's stays as it is."""

from types import SimpleNamespace

import pytest

from teminal.training import run
from teminal.training.checkpoints import find_checkpoint, list_checkpoints, remove_unfinished, save_checkpoint
from teminal.training.config import TrainingConfig
from teminal.training.output_dir import check_output_dir
from teminal.training.progress import Progress


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
