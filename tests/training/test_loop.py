"""Test that the number of processes and the size of mini-batches do not change a training."""

import json

import pytest
import torch
from safetensors.torch import load_file

from teminal.training.checkpoints import list_checkpoints

from ..conftest import run_cli, run_here, write_esc50


@pytest.fixture(scope="module")
def esc50_dir(tmp_path_factory):
    """Six classes, enough for scenes of four."""
    classes = ["bell", "drum", "organ", "siren", "ticking", "wind"]
    return write_esc50(tmp_path_factory.mktemp("six-classes"), classes)


@pytest.fixture(scope="module")
def base(tiny_recipe_text, esc50_dir, tmp_path_factory):
    """Train a tiny model in pretrain and A; return its folder."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "tiny.yaml").write_text(tiny_recipe_text)
    flags = ["--config", folder / "tiny.yaml", "--esc50_dir", esc50_dir, "--output_dir", folder / "run"]
    result = run_here("train_accelerate.py", *flags, "--stages", "pretrain", "A", "--max_train_steps", 10)
    assert result.returncode == 0, result.stderr
    return folder


def train_b(base, esc50_dir, output_dir, n_processes, *flags):
    """Train stage B for 10 steps of 8 groups and 4 replayed clips; return losses and weights."""
    each = [*("--per_device_train_batch_size", 8 // n_processes), *("--replay_batch_size", 4 // n_processes)]
    flags = ["--config", base / "tiny.yaml", "--esc50_dir", esc50_dir, "--stages", "B", *each, *flags]
    flags += ["--model_name_or_path", base / "run", "--output_dir", output_dir, "--max_train_steps", 10]
    flags += ["--n_scenes", 2, "--learning_rate", "1e-3"]
    if n_processes == 1:
        result = run_here("train_accelerate.py", *flags)
    else:
        result = run_cli("train_accelerate.py", *flags, n_processes=n_processes)
    assert result.returncode == 0, result.stderr
    checkpoint = json.loads((list_checkpoints(output_dir)[-1] / "checkpoint.json").read_text())
    assert checkpoint["run"]["number of processes"] == n_processes
    return checkpoint["progress"]["history"], load_file(output_dir / "model.safetensors")


# Products of other numbers of rows round otherwise without AVX-512, and AdamW makes more of it: 2.3e-5 was seen there.
LARGEST_DIFFERENCE = 1e-5 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 5e-5


def assert_same_course(one, two):
    for step_of_one, step_of_two in zip(one[0], two[0], strict=True):
        assert step_of_one["losses"] == pytest.approx(step_of_two["losses"], rel=1e-6)
    for name, weight in one[1].items():
        assert torch.allclose(weight, two[1][name], rtol=0, atol=LARGEST_DIFFERENCE), name


def test_two_processes_chunks_and_mini_batches_change_nothing(base, esc50_dir, tmp_path):
    scenes = ("--max_events", 4, "--free_layout_share", 0.5)  # groups of 4, 6 and 7 pairs, so processes differ
    in_parts = ("--mini_batch_size", 7, "--loss_chunk_size", 5)
    one = train_b(base, esc50_dir, tmp_path / "one", 1, *scenes)
    assert len(one[0]) == 10
    assert_same_course(one, train_b(base, esc50_dir, tmp_path / "two", 2, *scenes))
    assert_same_course(one, train_b(base, esc50_dir, tmp_path / "parts", 1, *scenes, *in_parts))


def test_nor_with_adapters(base, esc50_dir, tmp_path):
    lora = ("--lora", "both", "--text_warmup_steps", 0, "--wise_ft", 0.5)
    one = train_b(base, esc50_dir, tmp_path / "one", 1, *lora)
    two = train_b(base, esc50_dir, tmp_path / "two", 2, *lora, "--mini_batch_size", 7, "--loss_chunk_size", 5)
    assert_same_course(one, two)
    assert (tmp_path / "two" / "adapter" / "adapter_model.safetensors").is_file()
    before, after = (json.loads((run / "results.json").read_text()) for run in (base / "run", tmp_path / "two"))
    assert after["n_parameters"] == before["n_parameters"]
    assert list(after["zste"]) == ["base", "after B", "WiSE-FT 0.5"]


def test_a_text_rate_of_0_keeps_the_text_encoder_in_one_process_and_two(base, esc50_dir, tmp_path):
    fixed = ("--text_learning_rate", 0, "--text_warmup_steps", 0, "--wise_ft", 0.5)
    one = train_b(base, esc50_dir, tmp_path / "one", 1, *fixed)
    assert_same_course(one, train_b(base, esc50_dir, tmp_path / "two", 2, *fixed))
    for name, weight in load_file(base / "run" / "model.safetensors").items():
        if name.startswith("text_model."):
            assert weight.equal(one[1][name]), name
    assert not load_file(base / "run" / "model.safetensors")["text_projection.linear1.weight"].equal(
        one[1]["text_projection.linear1.weight"]
    )


def test_the_temporal_head_learns_in_stage_b_alone(base, esc50_dir, tmp_path):
    flags = ["--config", base / "tiny.yaml", "--esc50_dir", esc50_dir, "--n_scenes", 2, "--max_train_steps", 3]
    stages = ("--stages", "pretrain", "A", "B", "--temporal_head", "yes", "--output_dir", tmp_path / "run")
    result = run_here("train_accelerate.py", *flags, *stages)
    assert result.returncode == 0, result.stderr
    folders = [tmp_path / "run" / name for name in ("after_pretrain", "after_A", ".")]
    pretrained, after_a, after_b = (load_file(folder / "model.safetensors") for folder in folders)
    head = [name for name in after_b if name.startswith("temporal_head.")]
    assert all(pretrained[name].equal(after_a[name]) for name in head)
    assert not after_a["temporal_head.output.weight"].any()
    changed = {name for name in head if not after_a[name].equal(after_b[name])}
    assert {"temporal_head.output.weight", "temporal_head.position_embeddings"} <= changed
