"""ZSTE by the command: several models, fixed scenes, any number of processes."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from eval.run_zste import main as run_zste_main
from eval.zste.zste import MEANS, SUBTASKS
from teminal.evaluation.options import EvaluationOptions
from teminal.evaluation.score import distinct_audios
from teminal.evaluation.statistics import N_BOOTSTRAP, Figures
from teminal.evaluation.zste import compare_both_with_one, file_stems
from teminal.evaluation.zste_dataset import load_scenes
from teminal.sampling.curves import CURVES
from teminal.sampling.layouts import TASK6
from teminal.scenes import VARIANTS
from teminal.training.scratch import build_scratch_clap

from ..conftest import TINY_SCRATCH, run_cli, run_here


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
    result = run_here("dataset_scripts/build_dataset.py", *source, "--output_dir", output_dir, *flags)
    assert result.returncode == 0, result.stderr
    return output_dir


def run_zste(*flags):
    return run_here("eval/run_zste.py", *flags)


def test_two_models_in_one_command_and_the_same_on_two_processes(models, esc50_dir, tmp_path):
    flags = ("--model_name_or_path", *models, "--esc50_dir", esc50_dir, "--folds", 2, "--n_scenes", 10)
    flags += ("--names", "CLAP, 50 %", "ours")
    outputs = ("--robustness_curves", "--output_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache")
    result = run_zste(*flags, *outputs)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "out" / "zste.json").read_text())
    assert report["models"] == {"CLAP, 50 %": str(models[0]), "ours": str(models[1])}
    assert "2C_over_1A_squared_ci95" in report["ratios"]["ours"]
    assert "(2C / 1A²)" in result.stdout
    assert set(report["zste"]) == set(report["fingerprints"]) == set(report["models"])
    difference = report["differences"]["ours - CLAP, 50 %"]["temporal"]
    assert difference["difference"] == pytest.approx(
        report["zste"]["ours"]["temporal"] - report["zste"]["CLAP, 50 %"]["temporal"]
    )
    pictures = {"zste.png", "change.png", "2B.png", "robustness.png", "pairs-CLAP_ 50 _.png", "pairs-ours.png"}
    tables = {"zste.json", "zste.md", "zste.tex", "zste.csv", "wordings.md", "wordings.tex", "wordings.csv"}
    tables |= {"model-index-CLAP_ 50 _.yaml", "model-index-ours.yaml"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == pictures | tables
    markdown, latex = ((tmp_path / "out" / f"zste.{suffix}").read_text() for suffix in ("md", "tex"))
    values = {name: f"{100 * report['zste'][name]['3A']:.1f}" for name in report["models"]}
    of_order, of_difference = (line for line in markdown.splitlines() if "(3A)" in line)
    assert all(value in of_order for value in values.values())
    found = report["differences"]["ours - CLAP, 50 %"]["3A"]
    assert f"{100 * found['difference']:+.1f} ({100 * found['ci95'][0]:+.1f} to" in of_difference
    assert r"CLAP, 50 \%" in latex
    assert latex.count(r"\begin{tabular}") == 2

    of_wordings = report["wordings"]["ours"]
    assert of_wordings["y preceded by x_n"] == 10
    assert "consistency: all held-out wordings give one order" in (tmp_path / "out" / "wordings.md").read_text()
    assert re.search(rf"y preceded by x +50\.00 .* {100 * of_wordings['y preceded by x']:.1f} \(", result.stdout)
    for name in report["models"]:
        assert {curve: len(points) for curve, points in report["curves"][name].items()} == {
            curve: len(values) for curve, values in CURVES.items()
        }
        assert all(point["n"] == 2 for points in report["curves"][name].values() for point in points)
        halves = {point["value"]: point["accuracy"] for point in report["curves"][name]["duration_s"]}
        assert halves[10] == report["curves"][name]["background_db"][0]["accuracy"]

    outputs = ("--output_json", tmp_path / "two.json", "--cache_dir", tmp_path / "cold")
    result = run_cli("eval/run_zste.py", *flags, *outputs, n_processes=2)
    assert result.returncode == 0, result.stderr
    of_two = json.loads((tmp_path / "two.json").read_text())
    assert (of_two["zste"], of_two["wordings"]) == (report["zste"], report["wordings"])


def test_both_sounds_are_set_against_one_sound_squared():
    figures = Figures()
    figures.add("1A", 0.5, np.linspace(0, 0.6, N_BOOTSTRAP), 40)
    figures.add("2C", 0.2, np.full(N_BOOTSTRAP, 0.2), 30)
    found = compare_both_with_one({"ours": figures})["ours"]
    assert found["2C_over_1A_squared"] == pytest.approx(0.8)
    assert found["2C_over_1A_squared_n"] == 30
    samples = found.samples["2C_over_1A_squared"]
    assert samples[0] == 0  # no single sound was right
    assert samples[-1] == pytest.approx(0.2 / 0.36)


def test_fixed_scenes_of_a_dataset(models, scenes, tmp_path):
    flags = ("--model_name_or_path", models[0], "--zste_dataset", scenes, "--cache_dir", tmp_path / "cache")
    result = run_zste(*flags, "--output_json", tmp_path / "zste.json", "--output_dir", tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "zste.json").read_text())
    assert report["zste"]["1A_n"] == 12
    assert report["n_scenes"] == 12 + report["zste"].get("task6_n", 0)
    assert report["wordings"]["x amid y_n"] == report["zste"]["3C_n"]
    assert "curves" not in report
    assert report["zste"]["3A_n"] + report["zste"]["5D_n"] == 12
    of_tasks_1_to_5 = [name for name in (*SUBTASKS, *MEANS) if name not in (*TASK6, "task6", "robustness")]
    assert all(name in report["zste"] for name in of_tasks_1_to_5)
    assert (tmp_path / "3A.png").is_file()


def test_what_is_asked_of_fixed_scenes_is_asked_of_their_audio(scenes):
    examples, audio = load_scenes(str(scenes), seed=0)
    rows = pq.read_table(next((scenes / "zste").glob("*.parquet"))).to_pylist()
    for example in examples:
        for spec in example.audios:
            row = rows[audio.rows[spec.clips[0]]["single" if spec.variant == "onset" else spec.variant]]
            assert VARIANTS[row["variant"]] == ("single" if spec.variant == "onset" else spec.variant)
            labels = [event["label"] for event in row["events"]]
            if example.task == "3A":
                assert example.candidates[example.right[0]] == f"This is a sound of {labels[0]} before {labels[1]}."
            if example.task == "5D":
                said = " then ".join(labels)
                assert example.candidates[example.right[0]] == f"This is a sound of {said}."
    specs = distinct_audios(examples)
    assert len(set(audio.keys(specs))) == len(specs)
    onset = next(spec for spec in specs if spec.variant == "onset")
    (waveform,) = audio.read([onset])
    assert len(waveform) == 480_000
    assert not waveform[: int(onset.onset_s * 48_000) - 1].any()


def save_scenes(folder, rows, schema):
    """Write other rows of the same dataset."""
    (folder / "zste").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "zste" / "test.parquet")
    config = "configs:\n- config_name: zste\n  data_files:\n  - split: test\n    path: zste/*.parquet\n"
    (folder / "README.md").write_text(f"---\n{config}---\n")


def test_groups_named_by_a_sub_task_of_task_6_are_asked_its_question_alone(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    table = pq.read_table(next((scenes / "zste").glob("*.parquet")))
    rows = [row for row in table.to_pylist() if not any(f"-{task}-" in row["group_id"] for task in TASK6)]
    save_scenes(tmp_path / "plain", rows, table.schema)
    plain, _ = load_scenes(str(tmp_path / "plain"), seed=0)
    of_two = list(dict.fromkeys(row["group_id"] for row in rows if len(row["events"]) == 2 and row["variant"] == 1))
    name_of = {old: f"zste-{task}-000000" for old, task in zip(of_two[1:], ("6A", "6D", "6G"), strict=False)}
    assert len(name_of) == 3
    for row in rows:
        row["group_id"] = name_of.get(row["group_id"], row["group_id"])
    save_scenes(tmp_path / "renamed", rows, table.schema)
    examples, audio = load_scenes(str(tmp_path / "renamed"), seed=0)
    asked = {example.task: example for example in examples if example.task in TASK6}
    assert sorted(asked) == ["6A", "6D", "6G"]
    for task, example in asked.items():
        row = audio.dataset[audio.rows[example.audios[0].clips[0]]["forward"]]
        assert row["group_id"] == f"zste-{task}-000000"
        x, y = (event["label"] for event in row["events"])
        true = [f"This is a sound of {x} before {y}.", f"This is a sound of {y} after {x}."]
        assert [example.candidates[index] for index in example.right] == true
        assert len(example.candidates) == 4
        assert example.group == ("seen" if row["seen_pair"] else "unseen")
    used = {example.audios for example in asked.values()}
    others = [example for example in examples if example.task not in TASK6]
    assert not used & {example.audios for example in others}
    n_of_plain = sum(example.task == "1A" for example in plain)
    assert sum(example.task == "1A" for example in others) == n_of_plain - 3


def test_scenes_over_a_background_say_so_and_earlier_ones_without_the_column_load_too(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    asked = {}

    def note_scenes(in_layouts, unseen):
        asked.update({task: [scene for _, scene in heard] for task, heard in in_layouts.items()})
        return []

    monkeypatch.setattr("teminal.evaluation.zste_dataset.build_statement_examples", note_scenes)
    table = pq.read_table(next((scenes / "zste").glob("*.parquet")))
    rows = [row for row in table.to_pylist() if row["variant"] == 1]
    load_scenes(str(scenes), seed=0)
    in_6d = [row for row in rows if "-6D-" in row["group_id"]]
    assert [scene.background for scene in asked["6D"]] == [row["background"]["label"] for row in in_6d]
    assert not any(scene.background for task, of_task in asked.items() for scene in of_task if task != "6D")
    without = table.drop_columns(["background"])
    save_scenes(tmp_path / "earlier", without.to_pylist(), without.schema)
    load_scenes(str(tmp_path / "earlier"), seed=0)
    assert not any(scene.background for scene in asked["6D"])


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


def test_scenes_of_three_sounds_are_needed(scenes, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (file,) = (scenes / "zste").glob("*.parquet")
    table = pq.read_table(file)
    of_three = {row["group_id"] for row in table.to_pylist() if len(row["events"]) == 3}
    rows = [row for row in table.to_pylist() if row["group_id"] not in of_three]
    save_scenes(tmp_path / "two", rows, table.schema)
    with pytest.raises(ValueError, match="groups of two and of three events"):
        load_scenes(str(tmp_path / "two"), seed=0)


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
            EvaluationOptions(model_name_or_path=paths)
    else:
        options = EvaluationOptions(model_name_or_path=paths)
        assert options.named_models() == dict(zip(names, paths, strict=True))


def test_no_name_is_a_path_of_this_machine(tmp_path):
    paths = [tmp_path / "x" / "m", tmp_path / "y" / "m", tmp_path / "z"]
    for path in paths:
        path.mkdir(parents=True)
    options = EvaluationOptions(model_name_or_path=[f"{path}/" for path in paths])
    assert list(options.named_models()) == ["x/m", "y/m", "z"]


@pytest.mark.parametrize(
    "given",
    [("--n_scenes", 3), ("--folds", 1), ("--source", "synthetic"), ("--esc50_dir", "x"), ("--robustness_curves",)],
)
def test_what_fixed_scenes_would_ignore_is_refused(given):
    flags = ["--model_name_or_path", "me/x", "--zste_dataset", "me/y", *map(str, given)]
    with pytest.raises(SystemExit, match=f"--zste_dataset brings its own scenes: drop it, or {given[0]}$"):
        run_zste_main(flags)


def test_curves_that_nobody_would_see_are_refused():
    with pytest.raises(SystemExit, match="--robustness_curves prints nothing: give --output_dir"):
        run_zste_main(["--model_name_or_path", "me/x", "--robustness_curves"])


@pytest.mark.parametrize(
    ("names", "message"),
    [(["a"], "1 names for 2 models"), (["a", "a"], "'a': every model needs"), (["a", " "], "' ': every model needs")],
)
def test_names_that_do_not_fit_are_refused(names, message):
    with pytest.raises(ValueError, match=rf"--names.*{message}"):
        EvaluationOptions(model_name_or_path=["x/m", "y/n"], names=names)


def test_files_of_models_have_names_of_their_own_that_any_system_takes():
    stems = file_stems(["LAION's CLAP (2023)", "a/b", "a:b", "A_B", "..", "é"])
    assert stems["LAION's CLAP (2023)"] == "LAION_s CLAP _2023_"
    assert stems["é"] == "é"
    assert len({stem.casefold() for stem in stems.values()}) == len(stems)
    assert not any(set(stem) & set('/:*?"<>|') for stem in stems.values())
