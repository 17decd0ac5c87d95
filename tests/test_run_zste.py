"""ZSTE by the command: several models, fixed scenes, any number of processes."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from dataset_scripts.scenes import VARIANTS
from eval.compare import differences
from eval.models import names_of
from eval.pictures import plot_against
from eval.score import distinct_audios
from eval.zste.zste import MEANS, SUBTASKS
from eval.zste_dataset import load_scenes
from training.scratch import build_scratch_clap

from .conftest import TINY_SCRATCH, run_cli


@pytest.fixture(scope="module")
def models(bank, tmp_path_factory):
    """Two tiny models."""
    folders = []
    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        folders.append(tmp_path_factory.mktemp("models") / name)
        for part in build_scratch_clap(bank, temporal_head=False, **TINY_SCRATCH):
            part.save_pretrained(folders[-1])
    return folders


@pytest.fixture(scope="module")
def scenes(esc50_dir, tmp_path_factory):
    """A dataset with config `zste`: 12 groups of the three classes, of two or three events."""
    output_dir = tmp_path_factory.mktemp("scenes")
    flags = ("--config_name", "zste", "--n_groups", 12, "--three_event_share", 0.5, "--num_proc", 1)
    source = ("--source", "esc50", "--esc50_dir", esc50_dir, "--test_folds", 2, "--validation_folds")
    result = run_cli("dataset_scripts/build_dataset.py", *source, "--output_dir", output_dir, *flags)
    assert result.returncode == 0, result.stderr
    return output_dir


def run_zste(*flags, n_processes=1):
    return run_cli("eval/run_zste.py", "--n_scenes", 10, *flags, n_processes=n_processes)


def test_two_models_in_one_command_and_the_same_on_two_processes(models, esc50_dir, tmp_path):
    flags = ("--model_name_or_path", *models, "--esc50_dir", esc50_dir, "--folds", 2)
    result = run_zste(*flags, "--output_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache")
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "out" / "zste.json").read_text())
    assert set(report["zste"]) == {"one", "two"}
    difference = report["differences"]["two - one"]["temporal"]
    assert difference["difference"] == pytest.approx(
        report["zste"]["two"]["temporal"] - report["zste"]["one"]["temporal"]
    )
    pictures = {"zste.png", "change.png", "2B.png", "pairs-one.png", "pairs-two.png"}
    tables = {"zste.json", "zste.md", "zste.tex", "zste.csv", "model-index-one.yaml", "model-index-two.yaml"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == pictures | tables
    shown = f"{100 * report['zste']['two']['3A']:.1f}"
    assert shown in next(line for line in (tmp_path / "out" / "zste.md").read_text().splitlines() if "| 3A |" in line)

    result = run_zste(*flags, "--output_json", tmp_path / "two.json", "--cache_dir", tmp_path / "cold", n_processes=2)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "two.json").read_text())["zste"] == report["zste"]


def test_fixed_scenes_of_a_dataset(models, scenes, tmp_path):
    flags = ("--model_name_or_path", models[0], "--zste_dataset", scenes, "--cache_dir", tmp_path / "cache")
    result = run_zste(*flags, "--output_json", tmp_path / "zste.json", "--output_dir", tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "zste.json").read_text())
    assert report["n_scenes"] == report["zste"]["1A_n"] == 12
    assert report["zste"]["3A_n"] + report["zste"]["5D_n"] == 12
    assert all(name in report["zste"] for name in (*SUBTASKS, *MEANS))
    assert (tmp_path / "3A.png").is_file()


def test_what_is_asked_of_fixed_scenes_is_asked_of_their_audio(scenes):
    examples, audio = load_scenes(str(scenes), seed=0)
    rows = pq.read_table(next((scenes / "zste").glob("*.parquet"))).to_pylist()
    for example in examples:
        for spec in example.audios:
            row = rows[audio.rows[spec.clips[0]]["single" if spec.kind == "onset" else spec.kind]]
            assert VARIANTS[row["variant"]] == ("single" if spec.kind == "onset" else spec.kind)
            labels = [event["label"] for event in row["events"]]
            if example.task == "3A":
                assert example.candidates[example.right[0]] == f"This is a sound of {labels[0]} before {labels[1]}."
            if example.task == "5D":
                said = " then ".join(labels)
                assert example.candidates[example.right[0]] == f"This is a sound of {said}."
    specs = distinct_audios(examples)
    assert len(set(audio.keys(specs))) == len(specs)
    onset = next(spec for spec in specs if spec.kind == "onset")
    (waveform,) = audio.read([onset])
    assert len(waveform) == 480_000
    assert not waveform[: int(onset.onset_s * 48_000) - 1].any()


def test_bad_scenes_are_named(models, scenes, tmp_path):
    (tmp_path / "zste").mkdir()
    (file,) = (scenes / "zste").glob("*.parquet")
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[5]["audio"] = None
    pq.write_table(pa.Table.from_pylist(rows, table.schema), tmp_path / "zste" / file.name)
    (tmp_path / "README.md").write_text((scenes / "README.md").read_text())
    for folder, message in ((tmp_path, rf"group {rows[5]['group_id']} has no audio"), ("./none", "no such folder")):
        result = run_zste("--model_name_or_path", models[0], "--zste_dataset", folder)
        assert result.returncode == 1
        assert message in result.stderr
        assert "Traceback" not in result.stderr


def test_scenes_of_three_sounds_are_needed(models, esc50_dir, tmp_path):
    flags = ("--config_name", "zste", "--n_groups", 4, "--three_event_share", 0, "--num_proc", 1)
    source = ("--source", "esc50", "--esc50_dir", esc50_dir, "--test_folds", 2, "--validation_folds")
    assert run_cli("dataset_scripts/build_dataset.py", *source, "--output_dir", tmp_path, *flags).returncode == 0
    with pytest.raises(ValueError, match="groups of two and of three events"):
        load_scenes(str(tmp_path), seed=0)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/a", "me/b"], ["a", "b"]),
        (["x/m", "y/m", "x_m"], ["x/m", "y/m", "x_m"]),
        (["x/m", "y/n", "x/m"], "x/m is given twice"),
    ],
)
def test_every_model_has_a_name_of_its_own(paths, names):
    if isinstance(names, str):
        with pytest.raises(ValueError, match=names):
            names_of(paths)
    else:
        assert names_of(paths) == dict(zip(names, paths, strict=True))


def test_accuracy_against_few_and_equal_values(tmp_path):
    plot_against(tmp_path / "few.png", [0.0, 0.0, 0.3], {"a": [True, False, True], "b": [True] * 3}, "gap", "3A", 0.5)
    assert (tmp_path / "few.png").is_file()


def test_differences_are_paired():
    rng = np.random.default_rng(0)
    worse = rng.random(1000) < 0.5
    better = worse | (np.arange(1000) % 20 == 0)
    found = differences({"a": {"3A": worse.tolist()}, "b": {"3A": better.tolist()}})["b - a"]["3A"]
    gain = better.mean() - worse.mean()
    assert found["difference"] == pytest.approx(gain)
    low, high = found["ci95"]
    assert 0 < low < gain < high
    assert high - low < 4 * 1.1 * (gain / 1000) ** 0.5  # unpaired: more than 0.08
