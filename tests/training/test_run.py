"""Test a small training from start to end, and the errors of wrong use."""

import json
import shutil

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

from ..conftest import run_cli, run_here


def train(recipe, esc50_dir, output_dir, *flags):
    return run_here(
        "train_accelerate.py", "--config", recipe, "--esc50_dir", esc50_dir, "--output_dir", output_dir, *flags
    )


@pytest.fixture(scope="module")
def run(tiny_recipe_text, esc50_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yaml").write_text(tiny_recipe_text)
    result = train(folder / "tiny.yaml", esc50_dir, folder / "run")
    assert result.returncode == 0, result.stderr
    return result, folder / "run"


def test_run_leaves_model_results_picture_and_can_be_scored_again(run, esc50_dir, tmp_path):
    result, output_dir = run
    results = json.loads((output_dir / "results.json").read_text())
    assert list(results["zste"]) == ["base", "after A", "after B"]
    assert {"loss", "pairs_per_s", "wait_share"} <= set(results["stages"]["B"])
    assert results["stages"]["B"]["text_warmup_in_group_loss"] > 0
    assert (output_dir / "zste.png").stat().st_size > 10_000
    for stage in ("pretrain", "A", "B"):
        assert f"stage {stage}: " in result.stderr
    assert "control_3A" in result.stdout
    base = results["zste"]["base"]
    assert (base["control_3C_chance"], base["control_3C_n"]) == (pytest.approx(1 / 3), 12)

    report = tmp_path / "again.json"
    again = run_here(
        "eval/run_zste.py", "--model_name_or_path", output_dir, "--esc50_dir", esc50_dir, "--folds", 2,
        "--n_scenes", 12, "--output_json", report,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert json.loads(report.read_text())["zste"] == results["zste"]["after B"]


def test_same_seed_same_weights_and_another_seed_others(run, tiny_recipe, esc50_dir, tmp_path):
    _, output_dir = run
    flags = ("--config", tiny_recipe, "--esc50_dir", esc50_dir, "--output_dir", tmp_path / "again")
    again = run_cli("train_accelerate.py", *flags)  # where sets have another order
    assert again.returncode == 0, again.stderr
    assert weights_differ(output_dir, tmp_path / "again") == set()
    other = train(tiny_recipe, esc50_dir, tmp_path / "other", "--seed", 1, "--stages", "pretrain")
    assert other.returncode == 0, other.stderr
    assert weights_differ(output_dir / "after_pretrain", tmp_path / "other")


def weights_differ(folder, other):
    """Return the names of the weights that differ between two models."""
    one, two = (load_file(path / "model.safetensors") for path in (folder, other))
    assert one.keys() == two.keys()
    return {name for name in one if not torch.equal(one[name], two[name])}


def test_a_stage_starts_from_a_saved_model(run, tiny_recipe, esc50_dir, tmp_path):
    _, output_dir = run
    result = train(
        tiny_recipe, esc50_dir, tmp_path / "B", "--stages", "B", "--model_name_or_path", output_dir / "after_A"
    )
    assert result.returncode == 0, result.stderr
    whole, alone = (json.loads((d / "results.json").read_text())["zste"] for d in (output_dir, tmp_path / "B"))
    assert alone["base"] == whole["after A"]
    assert alone["after B"] == whole["after B"]


FAULT = """
import train_accelerate
from teminal.training import batches

batches.compute_features = lambda extractor, waveforms: 1 / 0
train_accelerate.main()
"""


def test_a_fault_in_a_worker_ends_the_run(tiny_recipe, esc50_dir, tmp_path):
    flags = ["--config", tiny_recipe, "--esc50_dir", esc50_dir, "--output_dir", tmp_path / "run"]
    result = run_cli("-c", FAULT, *flags, "--dataloader_num_workers", 1, timeout_s=150)
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr


def no_table(root):
    (root / "meta" / "esc50.csv").unlink()


@pytest.mark.parametrize(
    ("damage", "flags", "message"),
    [
        (shutil.rmtree, (), "no such folder"),
        (no_table, (), "meta/esc50.csv is missing"),
        (None, ("--eval_folds", 7), "fold 7 does not exist"),
        (None, ("--eval_folds", 1), "overlap"),
        (None, ("--stages", "C"), "--stages C"),
        (None, ("--stages", "B", "--model_name_or_path", "no/such-model"), "no/such-model"),
        (None, ("--stages", "B", "--model_name_or_path", "tests"), "config.json"),
        (None, ("--stages", "B"), "--model_name_or_path"),
        (None, ("--model_name_or_path", "tests"), "--stages pretrain starts from scratch"),
        (None, ("--n_scenes", 0), "--n_scenes 0"),
        (None, ("--max_train_steps", 0), "--pretrain.max_train_steps 0: must be finite and at least 1"),
    ],
)
def test_bad_input_is_one_clear_error(tiny_recipe, esc50_dir, tmp_path, monkeypatch, damage, flags, message):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    copy = shutil.copytree(esc50_dir, tmp_path / "ESC-50")
    if damage:
        damage(copy)
    result = train(tiny_recipe, copy, tmp_path / "run", *flags)
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    error = [line for line in result.stderr.splitlines() if line.startswith("train_accelerate.py: error:")]
    assert len(error) == 1
    assert message in error[0]
    assert not (tmp_path / "run").exists()
