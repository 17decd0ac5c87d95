"""Building, resuming, checking and reading back the datasets, on a tiny ESC-50 folder."""

import hashlib
import io
import json
import signal
import subprocess
import sys
import time
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from datasets import Audio, load_dataset
from filelock import FileLock

from dataset_scripts.build_dataset import main
from teminal.cli import parse_options
from teminal.dataset.checks import check_dataset
from teminal.dataset.config_folder import _require_disk
from teminal.dataset.options import BuildOptions
from teminal.dataset.report import command_line
from teminal.dataset.shards import GROUPS_PER_SHARD
from tests.conftest import ROOT, run_cli, write_esc50

MODULE = "tests.small_shards"


def flags_of(esc50_dir, output_dir, n_groups):
    flags = ["--source", "esc50", "--esc50_dir", esc50_dir, "--output_dir", output_dir, "--n_groups", n_groups]
    return list(map(str, [*flags, "--three_event_share", 0.5, "--num_proc", 1]))


def build(esc50_dir, output_dir, *flags, n_groups=10):
    with mock.patch.dict(GROUPS_PER_SHARD, {True: 16}):
        main([*flags_of(esc50_dir, output_dir, n_groups), *map(str, flags)])


def shard_hashes(output_dir, config="esc50"):
    report = json.loads((output_dir / config / "build_report.json").read_text())
    shards = {shard["file"]: shard["sha256"] for split in report["splits"].values() for shard in split["shards"]}
    on_disk = {path.name: path.read_bytes() for path in (output_dir / config).glob("*.parquet")}
    assert shards == {name: hashlib.sha256(content).hexdigest() for name, content in on_disk.items()}
    return shards


def test_rows_say_what_was_composed(built):
    dataset = load_dataset(str(built), "esc50", cache_dir=str(built / "cache"))
    assert {split: len(rows) for split, rows in dataset.items()} == {"train": 80, "test": 80}
    rows = list(dataset["train"].cast_column("audio", Audio(decode=False)))
    assert {row["fold"] for row in rows} == {1}
    assert {row["license"] for row in rows} == {"cc-by-nc-3.0"}
    assert all("freesound.org recording" in row["attribution"] for row in rows)
    assert {len(events) for events in dataset["test"]["events"]} == {1, 2, 3}
    for single, forward, backward, overlay in zip(*(rows[i::4] for i in range(4)), strict=True):
        assert len({row["group_id"] for row in (single, forward, backward, overlay)}) == 1
        labels = [event["label"] for event in forward["events"]]
        assert [event["label"] for event in backward["events"]] == labels[::-1]
        assert [event["label"] for event in single["events"]] == labels[:1]
        assert sorted(event["label"] for event in overlay["events"]) == sorted(labels)
        onsets = [event["onset_s"] for event in forward["events"]]
        assert onsets == sorted(onsets)
        slots = [(event["onset_s"], event["duration_s"]) for event in forward["events"]]
        assert [(event["onset_s"], event["duration_s"]) for event in backward["events"]] == slots
        end_s = max(onset_s + length_s for onset_s, length_s in slots)
        for event in (*single["events"], *overlay["events"]):
            assert event["onset_s"] == onsets[0]
            assert event["onset_s"] + event["duration_s"] == pytest.approx(end_s)
    assert all(row["seen_pair"] for row in rows)
    assert not all(dataset["test"]["seen_pair"])


def test_the_report_adds_up(built):
    report = json.loads((built / "esc50" / "build_report.json").read_text())
    train = report["splits"]["train"]
    assert train["rows"] == sum(shard["rows"] for shard in train["shards"]) == sum(train["relations"].values()) == 80
    table = pa.concat_tables(map(pq.read_table, sorted((built / "esc50").glob("train-*"))))
    sounds = [io.BytesIO(audio["bytes"]) for audio in table["audio"].to_pylist()]
    durations_s = [soundfile.info(sound).duration for sound in sounds]
    assert len(set(durations_s)) > 5
    assert train["hours"] == pytest.approx(sum(durations_s) / 3600, abs=1e-3)
    assert train["layouts"]["duration_s"][::2] == pytest.approx([min(durations_s), max(durations_s)], abs=1e-3)
    assert sum(train["layouts"]["events"].values()) == sum(train["layouts"]["kinds"].values()) == 20
    assert report["n_clips"] == 12
    assert report["skipped"] == {}
    assert "/" not in report["command"].split("--esc50_dir ")[1].split()[0]


def test_killed_and_resumed_on_more_processes_gives_the_same_bytes(built, esc50_dir, tmp_path):
    command = [sys.executable, "-m", MODULE, *flags_of(esc50_dir, tmp_path, 40)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.time() + 120
    while not list((tmp_path / "esc50").glob("t*.parquet")) and time.time() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "esc50" / "build_report.json").exists()
    finished = {path: path.stat().st_mtime_ns for path in (tmp_path / "esc50").glob("t*.parquet")}
    assert 1 <= len(finished) < 4
    time.sleep(1)  # for the orphaned workers to end
    build(esc50_dir, tmp_path, "--num_proc", 2, n_groups=40)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert shard_hashes(tmp_path) == shard_hashes(built)
    assert [path.name for path in (tmp_path / "esc50").iterdir() if path.name.startswith(".")] == [".lock"]


def test_two_ranks_write_the_same_bytes(built, esc50_dir, tmp_path):
    result = run_cli("-m", MODULE, *flags_of(esc50_dir, tmp_path, 40), n_processes=2)
    assert result.returncode == 0, result.stderr
    assert shard_hashes(tmp_path) == shard_hashes(built)


def test_fixed_evaluation_scenes(esc50_dir, tmp_path):
    build(esc50_dir, tmp_path, "--config_name", "zste", "--n_task6_groups", 0)
    rows = pq.read_table(tmp_path / "zste" / "test-00000-of-00001.parquet").to_pylist()
    assert {row["split"] for row in rows} == {"test"}
    assert {row["seen_pair"] for row in rows} == {True, False}
    assert all(row["caption"].startswith("This is a sound of") for row in rows)
    assert [row["group_id"] for row in rows[::4]] == [f"zste-test-{number:06d}" for number in range(10)]
    assert {soundfile.info(io.BytesIO(row["audio"]["bytes"])).duration for row in rows} == {10.0}


def test_fixed_scenes_of_task_6_come_after_the_others_which_stay_as_they_are(esc50_dir, tmp_path):
    rows = {}
    for n_task6 in (0, 1):
        flags = ("--config_name", "zste", "--n_task6_groups", n_task6, "--no_include_audio")
        build(esc50_dir, tmp_path / str(n_task6), *flags)
        (shard,) = (tmp_path / str(n_task6) / "zste").glob("*.parquet")
        rows[n_task6] = pq.read_table(shard).to_pylist()
    assert rows[1][:40] == rows[0]
    found = {row["group_id"]: row for row in rows[1][40:]}
    assert list(found) == [f"zste-6{letter}-000000" for letter in "ABCDEFG"]
    assert [row["render"]["duration_s"] for row in found.values()] == [10, 10, 10, 10, 4, 20, 60]
    backgrounds = {group: row["background"] for group, row in found.items() if row["background"]}
    assert list(backgrounds) == ["zste-6D-000000"]
    assert backgrounds["zste-6D-000000"]["level_db"] == 10
    assert backgrounds["zste-6D-000000"]["clip"] == found["zste-6D-000000"]["render"]["clips"][-1]
    report = json.loads((tmp_path / "1" / "zste" / "build_report.json").read_text())
    assert report["splits"]["test"]["hours"] == pytest.approx(4 * (10 * 10 + 124) / 3600, abs=1e-3)


def test_two_classes_are_too_few_for_task_6(tmp_path):
    folder = tmp_path / "ESC-50"
    folder.mkdir()
    write_esc50(folder, ["siren", "wind"])
    with pytest.raises(SystemExit, match=r"of 2 classes, .* --n_task6_groups 0 leaves task 6 out"):
        build(folder, tmp_path / "out", "--config_name", "zste")
    assert not (tmp_path / "out" / "zste").exists()


def test_a_tenth_as_many_scenes_are_of_task_6():
    flags = ["--source", "esc50", "--output_dir", "x", "--n_groups", "1000"]
    assert parse_options(BuildOptions, [*flags, "--config_name", "zste"], None).n_of_each_task6 == 14
    assert parse_options(BuildOptions, flags, None).n_of_each_task6 == 0


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), {"three_event_share": 0.2, "four_event_share": 0.1, "free_layout_share": 0.5, "max_duration_s": 10}),
        (("--three_event_share", "1"), {"three_event_share": 1, "four_event_share": 0}),
        (("--three_event_share", "0.95"), {"three_event_share": 0.95, "four_event_share": pytest.approx(0.05)}),
        (("--four_event_share", "0.5", "--max_duration_s", "20"), {"four_event_share": 0.5, "max_duration_s": 20}),
        (("--free_layout_share", "0"), {"free_layout_share": 0, "max_duration_s": None}),
        (
            ("--config_name", "zste", "--three_event_share", "1"),
            {"three_event_share": 1, "four_event_share": None, "free_layout_share": None, "max_duration_s": None},
        ),
    ],
)
def test_shares_fit_each_other_and_those_without_effect_are_left_out(flags, expected):
    mix = parse_options(BuildOptions, ["--source", "esc50", "--output_dir", "x", *flags], None).mix
    assert {name: mix.get(name) for name in expected} == expected


def test_the_recipe_tells_what_was_used_and_a_change_of_it_is_named(built, esc50_dir):
    recipe = json.loads((built / "esc50" / "recipe.json").read_text())
    assert {"three_event_share", "four_event_share", "free_layout_share", "max_duration_s"} <= set(recipe)
    assert "n_task6_groups" not in recipe
    with pytest.raises(SystemExit, match="was built with another free_layout_share, max_duration_s: delete it"):
        build(esc50_dir, built, "--free_layout_share", 0, n_groups=40)


def test_a_folder_with_something_else_is_refused(built, esc50_dir, tmp_path):
    before = shard_hashes(built)
    with pytest.raises(SystemExit, match="was built with another seed"):
        build(esc50_dir, built, "--seed", 1, n_groups=40)
    assert shard_hashes(built) == before
    (tmp_path / "esc50").mkdir()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "esc50" / "train.parquet")
    with pytest.raises(SystemExit, match="holds Parquet files of something else"):
        build(esc50_dir, tmp_path)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--source", "birds"), "--source birds: choose of audiocaps, clotho, esc50, folder, synthetic, urbansound8k"),
        (("--esc50_dir", "nowhere"), "--esc50_dir nowhere: no such folder"),
        (("--test_folds", "7"), "--test_folds: fold 7 does not exist"),
        (("--test_folds", "1", "--validation_folds", "1"), "both have fold 1"),
        (("--gap_s", "0.5", "0.1"), "--gap_s 0.5 0.1: must be two values that rise"),
        (("--gap_s", "0.1", "5"), "--gap_s 5.0: must be from 0.02 to 1.6"),
        (("--n_groups", "0"), "--n_groups 0: must be finite and at least 1"),
        (("--three_event_share", "2"), "--three_event_share 2.0: must be from 0 to 1"),
        (("--max_duration_s", "90"), "--max_duration_s 90.0: must be from 3 to 60"),
        (("--free_layout_share", "-1"), "--free_layout_share -1.0: must be from 0 to 1"),
        (("--four_event_share", "0.6"), "--three_event_share 0.5, --four_event_share 0.6: must add up to at most 1"),
        (
            ("--max_duration_s", "20", "--free_layout_share", "0"),
            "--max_duration_s does nothing with --free_layout_share 0",
        ),
        (
            ("--gap_s", "0.2", "0.3", "--free_layout_share", "1"),
            "--gap_s does nothing with --free_layout_share 1",
        ),
        (("--config_name", "zste", "--max_duration_s", "20"), "--max_duration_s does nothing with --config_name zste"),
        (("--config_name", "zste", "--free_layout_share", "0"), "--free_layout_share does nothing with --config_name"),
        (("--config_name", "zste", "--four_event_share", "0.1"), "--four_event_share does nothing with --config_name"),
        (("--n_task6_groups", "3"), "--n_task6_groups needs --config_name zste"),
        (("--config_name", "mine"), "--config_name mine: choose esc50 or zste"),
        (("--captions_dir", "x"), "--source esc50 takes --esc50_dir and --dataset_name, not --captions_dir"),
        (("--push_to_hub",), "--push_to_hub needs --hub_dataset_id"),
        (("--private",), "--hub_dataset_id, --private and --dry_run need --push_to_hub"),
        (("--config_name", "zste", "--test_folds"), "--config_name zste: there are no clips for testing"),
    ],
)
def test_wrong_options_are_one_line(esc50_dir, tmp_path, flags, message):
    with pytest.raises(SystemExit, match=message):
        main([*flags_of(esc50_dir, tmp_path / "out", 10), *flags])
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_said_before_any_work(tmp_path):
    with pytest.raises(OSError, match=r"1000000\.0 GB are needed"):
        _require_disk(tmp_path, 10**15)


def test_waveforms_of_a_group_are_told_apart_by_order_alone(built):
    rows = pq.read_table(built / "esc50" / "train-00000-of-00002.parquet").to_pylist()
    first = next(row["group_id"] for row in rows if [event["onset_s"] for event in row["events"]] == [0.0, 5.0])
    of_group = [row for row in rows if row["group_id"] == first]
    single, forward, backward, _ = (soundfile.read(io.BytesIO(row["audio"]["bytes"]))[0] for row in of_group)
    assert len(single) == len(forward) == 480_000
    assert np.corrcoef(forward[5000:200_000], single[5000:200_000])[0, 1] > 0.9
    assert abs(np.corrcoef(forward[5000:200_000], backward[5000:200_000])[0, 1]) < 0.5


def test_a_readme_of_something_else_is_not_overwritten(esc50_dir, tmp_path):
    (tmp_path / "README.md").write_text("# My project\n")
    with pytest.raises(SystemExit, match="is not a card of this builder"):
        build(esc50_dir, tmp_path)
    assert (tmp_path / "README.md").read_text() == "# My project\n"


def test_one_build_at_a_time_and_a_lost_shard_comes_back(esc50_dir, tmp_path, capsys):
    build(esc50_dir, tmp_path)
    before = shard_hashes(tmp_path)
    next((tmp_path / "esc50").glob("train*.parquet")).unlink()
    assert not check_dataset(tmp_path / "esc50")
    assert "shard missing: train-00000-of-00001.parquet" in capsys.readouterr().out
    other = FileLock(tmp_path / "esc50" / ".lock", is_singleton=False)
    with other, pytest.raises(SystemExit, match="another build is at work here"):
        build(esc50_dir, tmp_path)
    build(esc50_dir, tmp_path)
    assert shard_hashes(tmp_path) == before


@pytest.mark.parametrize(
    ("flags", "includes_audio"),
    [
        ((), True),
        (("--include_audio",), True),
        (("--no_include_audio",), False),
        (("--no-include_audio",), False),
        (("--include_audio", "false"), False),
    ],
)
def test_audio_is_left_out_where_that_is_asked_for(flags, includes_audio):
    options = parse_options(BuildOptions, ["--source", "esc50", "--output_dir", "x", *flags], None)
    assert options.includes_audio == includes_audio


def test_the_command_is_told_without_a_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = "--source esc50 --esc50_dir ../me/ESC-50/ --captions_dir /data/me/x --dataset_name ashraq/esc50"
    given += " --output_dir work/me/sets --test_folds 1 2 --validation_folds --snr_db -5.0 0.5 --push_to_hub"
    options = parse_options(BuildOptions, [*given.split(), "--hub_dataset_id", "me/sets"], None)
    told = "--source esc50 --esc50_dir ESC-50 --captions_dir x --dataset_name ashraq/esc50"
    told += " --output_dir sets --validation_folds --test_folds 1 2 --snr_db -5.0 0.5 --push_to_hub"
    command = command_line("build_dataset.py", options)
    assert command == f"python dataset_scripts/build_dataset.py {told} --hub_dataset_id me/sets"
    latin1 = parse_options(
        BuildOptions, ["--source", "esc50", "--output_dir", b"caf\xe9".decode("utf-8", "surrogateescape")], None
    )
    assert command_line("build_dataset.py", latin1).encode()
