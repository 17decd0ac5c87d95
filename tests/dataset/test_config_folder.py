"""Builds that go on from what is left: damaged parts are made again, and few groups need few generated clips."""

import shutil
from concurrent.futures.process import BrokenProcessPool

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teminal.dataset import config_folder, shards
from teminal.dataset.build import plan_drawn
from teminal.dataset.card import write_card
from teminal.dataset.config_folder import write_config
from teminal.dataset.report import REPORT
from teminal.dataset.rows import read_rows
from teminal.sampling.groups import Group, Mix
from teminal.scenes import Composition, Layout
from teminal.sources import load_clips
from tests.built import make_build, make_rows

RECIPE = {"seed": 0}
ABOUT = {
    **{"config": "synthetic", "source": "synthetic", "command": "", "license": "cc0-1.0", "attribution": ""},
    **{"citation": "", "unseen_pairs": []},
}
MIX = Mix(0.5, (-3.0, 3.0), (0.1, 0.5))


@pytest.fixture(scope="module")
def clips():
    """Two clips of each of six classes."""
    found = load_clips("synthetic", [1])
    classes = sorted({clip.label for clip in found})[:6]
    return [clip for clip in found if clip.label in classes and clip.audio.number % 1000 < 2]


def plan(clips, n_groups):
    classes, splits = sorted({clip.label for clip in clips}), {"test": list(range(len(clips)))}
    return lambda skipped: plan_drawn(clips, classes, splits, skipped, n_groups, "synthetic", 0, MIX)


def make(folder, clips, n_groups=3):
    report = write_config(folder, RECIPE, ABOUT, clips, plan(clips, n_groups), True, num_proc=1)
    return {shard["file"]: shard["sha256"] for split in report["splits"].values() for shard in split["shards"]}


@pytest.fixture(scope="module")
def built(clips, tmp_path_factory):
    """A finished build of three shards of one group each, and their hashes."""
    folder = tmp_path_factory.mktemp("built") / "synthetic"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "GROUPS_PER_SHARD", {True: 1})
        return folder, make(folder, clips)


def test_few_groups_need_few_generated_clips_and_give_the_same_bytes(clips, built, tmp_path, monkeypatch):
    few = config_folder._clips_to_decode(clips, plan(clips, 3))
    assert 2 <= len(few) < len(clips)
    assert config_folder._clips_to_decode(clips, plan(clips, 7)) == list(range(len(clips)))
    monkeypatch.setattr(shards, "GROUPS_PER_SHARD", {True: 1})
    monkeypatch.setattr(config_folder, "_clips_to_decode", lambda *_: list(range(len(clips))))
    assert make(tmp_path / "synthetic", clips) == built[1]


def test_files_may_be_faulty_and_are_all_looked_at_first(esc50_dir):
    found = load_clips("esc50", [1], esc50_dir=str(esc50_dir))
    assert config_folder._clips_to_decode(found, None) == list(range(len(found)))


def group_of(duration_s):
    composition = Composition((0, 1), layout=Layout(duration_s), variant="forward")
    return Group("x", "test", None, composition, ("a", "b"), (), None), []


def test_row_groups_hold_so_much_audio_that_memory_is_bounded():
    durations_s = [10.0] * 9 + [60.0] * 3 + [3.0] * 20
    found = [[group.composition.layout.duration_s for group, _ in some] for some in split_of(durations_s)]
    assert found == [[10.0] * 8, [10.0, 60.0], [60.0], [60.0, *[3.0] * 6], [3.0] * 8, [3.0] * 6]


def split_of(durations_s):
    return list(shards.split_row_groups([group_of(duration_s) for duration_s in durations_s]))


def test_the_size_is_estimated_from_the_durations_of_groups(tmp_path):
    plan = {"train": (200, lambda number: group_of(10.0)), "test": (100, lambda number: group_of(3.0 + number % 50))}
    of_both = shards.list_shards(tmp_path, plan, True)
    expected = 800 * (1_000 + 600_000) + 400 * (1_000 + 60_000 * (3 + 24.5))
    assert config_folder.estimate_bytes(plan, of_both, True) == pytest.approx(expected, rel=0.03)
    assert config_folder.estimate_bytes(plan, of_both, False) == 1200 * 1_000


def test_a_damaged_shard_of_a_finished_build_is_made_again_and_no_other(clips, built, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "GROUPS_PER_SHARD", {True: 1})
    folder = shutil.copytree(built[0], tmp_path / "synthetic")
    first, *others = sorted(folder.glob("*.parquet"))
    content = bytearray(first.read_bytes())
    content[1000] ^= 1
    first.write_bytes(content)
    before = [path.stat().st_mtime_ns for path in others]
    assert make(folder, clips) == built[1]
    assert [path.stat().st_mtime_ns for path in others] == before
    assert [path.name for path in folder.glob(".*")] == [".lock"]


def test_a_truncated_shard_of_an_unfinished_build_is_made_again(clips, built, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "GROUPS_PER_SHARD", {True: 1})
    folder = shutil.copytree(built[0], tmp_path / "synthetic")
    (folder / REPORT).unlink()
    first = min(folder.glob("*.parquet"))
    first.write_bytes(first.read_bytes()[:1000])
    assert make(folder, clips) == built[1]


@pytest.mark.parametrize("content", ["", "{}", '{"splits"'])
def test_a_damaged_report_is_no_report(built, tmp_path, content):
    folder = shutil.copytree(built[0], tmp_path / "synthetic")
    (folder / REPORT).write_text(content)
    config_folder._check_folder(folder, RECIPE)
    assert not (folder / REPORT).exists()
    assert len(list(folder.glob("*.parquet"))) == 3


def test_a_damaged_recipe_is_named(built, tmp_path):
    folder = shutil.copytree(built[0], tmp_path / "synthetic")
    (folder / "recipe.json").write_text("")
    with pytest.raises(ValueError, match=r"recipe\.json is damaged: delete .* and build again"):
        config_folder._check_folder(folder, RECIPE)


def test_a_damaged_report_of_another_config_is_left_out_of_the_card(tmp_path, caplog):
    for config in ("esc50", "synthetic"):
        make_build(tmp_path, config, n_shards=1, includes_audio=False)
    (tmp_path / "esc50" / REPORT).write_text("")
    write_card(tmp_path)
    assert "Config `synthetic`" in (tmp_path / "README.md").read_text()
    assert "Config `esc50`" not in (tmp_path / "README.md").read_text()
    assert "esc50/build_report.json: damaged; build this config again" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"caption": None}, r"group zste-test-000000, variant 0: its caption is missing"),
        ({"events": ["siren"]}, r"x\.parquet: damaged: .*cast"),
        ({"audio": 3}, r"x\.parquet: damaged: .*cast"),
    ],
)
def test_rows_of_other_types_are_named_by_the_check(tmp_path, change, message):
    rows = [{**row, **change} for row in make_rows("zste", "test", 0, includes_audio=True)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=message):
        read_rows(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_damaged_notes_of_decoding_are_not_taken(tmp_path, content):
    (tmp_path / ".loops").write_text("test")
    (tmp_path / ".skipped.json").write_text(content)
    assert not config_folder._is_decoded(tmp_path, includes_audio=True)
    (tmp_path / ".skipped.json").write_text('{"skipped": {}}')
    assert config_folder._is_decoded(tmp_path, includes_audio=True)
    (tmp_path / ".loops").unlink()
    assert not config_folder._is_decoded(tmp_path, includes_audio=True)


def test_a_worker_that_dies_is_one_line(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(config_folder, "decode_clips", lambda *_: (_ for _ in ()).throw(BrokenProcessPool("died")))
    with pytest.raises(OSError, match="too little memory for 1 workers: give a smaller --num_proc"):
        make(tmp_path / "synthetic", clips)
