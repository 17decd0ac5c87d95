"""The checks pass on what is built and find what is broken on purpose."""

import json
from copy import deepcopy

import pyarrow.parquet as pq
import pytest

from dataset_scripts.check_dataset import main
from teminal.dataset.checks import find_faults
from teminal.dataset.rows import read_rows


@pytest.fixture(scope="module")
def rows(built):
    return read_rows(built / "esc50")


def test_a_built_dataset_passes_its_checks(built, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(built / "esc50")])
    out = capsys.readouterr().out
    assert ended.value.code == 0, out
    assert out.count("fine") == 9


def test_a_dataset_without_the_column_of_backgrounds_is_read_as_one_without_backgrounds(built, tmp_path):
    shard = built / "esc50" / "test-00000-of-00002.parquet"
    table = pq.read_table(shard)
    assert any(table["background"].to_pylist())
    pq.write_table(table.drop_columns(["background"]), tmp_path / shard.name)
    found = read_rows(tmp_path)
    assert len(found) == len(table)
    assert all(row["background"] is None for row in found)
    assert not any(find_faults(found, unseen_pairs_of(built)).values())


def unseen_pairs_of(built):
    return json.loads((built / "esc50" / "build_report.json").read_text())["unseen_pairs"]


def broken(rows, how):
    """The rows with one thing broken."""
    if how == "leaked source":
        test = next(row for row in rows if row["split"] == "test")
        next(row for row in rows if row["split"] == "train")["events"] = test["events"]
    elif how == "wrong caption":
        forward, backward = rows[1], rows[2]
        forward["caption"], backward["caption"] = backward["caption"], forward["caption"]
        forward["relation"], backward["relation"] = backward["relation"], forward["relation"]
    elif how == "duplicate rows":
        rows[5]["audio_sha256"] = rows[4]["audio_sha256"]
    elif how == "event outside the clip":
        rows[1]["events"][-1]["onset_s"] = rows[1]["duration_s"]
    elif how == "other slots":
        rows[2]["events"][0]["duration_s"] -= 0.1
    else:
        feature, change = {"duration tell": ("duration_s", 0.01), "level tell": ("level_db", 0.2)}[how]
        for row in rows:
            row[feature] += change * (row["variant"] == 3)
    return rows


BREAKS = ["leaked source", "wrong caption", "duplicate rows", "event outside the clip", "other slots"]


@pytest.mark.parametrize("how", [*BREAKS, "duration tell", "level tell"])
def test_each_break_is_found_and_named(built, rows, how):
    found = find_faults(broken(deepcopy(rows), how), unseen_pairs_of(built))
    lines = [line for lines in found.values() for line in lines]
    assert any(line.startswith(how) for line in lines)
    if "tell" in how:
        assert any("tell the relation" in line for line in found["relation"])


def test_a_held_out_wording_is_a_wrong_caption(built, rows):
    rows = deepcopy(rows)
    row = next(row for row in rows if row["relation"] == "before")
    first, second = (event["label"].replace("_", " ") for event in sorted(row["events"], key=lambda e: e["onset_s"]))
    row["caption"] = f"{first} precedes {second}"
    assert find_faults(rows, unseen_pairs_of(built))["captions"]


def test_held_out_pairs_in_training_are_found(rows):
    labels = sorted({event["label"] for event in rows[1]["events"]})[:2]
    assert find_faults(rows, [labels])["held-out pairs"]


def test_the_checks_name_what_they_cannot_read(built, tmp_path):
    with pytest.raises(SystemExit, match="no Parquet shards"):
        main([str(tmp_path)])
    shard = next((built / "esc50").glob("*.parquet"))
    (tmp_path / "cut.parquet").write_bytes(shard.read_bytes()[:100_000])
    with pytest.raises(SystemExit, match=r"cut\.parquet: damaged"):
        main([str(tmp_path)])
