"""Columns of Hub datasets are of the right type, or named: null audio, lists, numbers and dicts."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features
from huggingface_hub.errors import HTTPError

from teminal.evaluation.inputs import load_hub_clips
from teminal.evaluation.zste_dataset import load_scenes
from teminal.hub_rows import keep_audio_undecoded, load_hub_dataset, read_audio_cell, read_text_rows
from teminal.sources import load_clips

from .built import make_rows

SOUND = {"bytes": b"RIFF", "path": None}
ESC50 = {"filename": "a.wav", "fold": 1, "category": "dog", "src_file": 7, "audio": SOUND}
AUDIOCAPS = {"youtube_id": "abcdefghijk", "start_time": 30, "caption": "A dog"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Writes rows as the split of a dataset, and gives its folder."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")

    def write(rows: list[dict], split: str = "train", schema=None) -> str:
        (tmp_path / "hub" / "data").mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(rows, schema)
        pq.write_table(table, tmp_path / "hub" / "data" / f"{split}-00000-of-00001.parquet")
        return str(tmp_path / "hub")

    return write


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("filename", None, "filename is empty, expected is text"),
        ("category", ["dog"], r"category is \['dog'\], expected is text"),
        ("category", {"en": "dog"}, "category is {'en': 'dog'}, expected is text"),
        ("category", 3, "category is 3, expected is text"),
        ("fold", 1.5, "fold is 1.5, expected is a whole number"),
        ("fold", True, "fold is True, expected is a whole number"),
        ("fold", None, "fold is empty, expected is a whole number"),
        ("src_file", [7], r"src_file is \[7\], expected is text"),
        ("audio", 5, "the column audio is Value.*, expected is Audio"),
        ("audio", ["a.wav"], "the column audio is List.*, expected is Audio"),
        ("audio", {"url": "x"}, "the column audio is {'url'.*, expected is Audio"),
    ],
)
def test_esc50(hub, column, value, message):
    folder = hub([{**ESC50, column: value}])
    with pytest.raises(ValueError, match=f"--dataset_name .*{message}"):
        load_clips("esc50", dataset_name=folder)


def test_esc50_without_its_audio_is_a_clip_that_misses_its_file(hub):
    folder = hub([ESC50, {**ESC50, "filename": "b.wav", "audio": None}])
    first, second = load_clips("esc50", dataset_name=folder)
    assert (first.audio, second.audio) == (b"RIFF", None)
    assert (first.recording, first.fold) == ("7", 1)


def test_class_numbers_become_names():
    features = Features({"category": ClassLabel(names=["dog", "rain"])})
    dataset = Dataset.from_dict({"category": [1, 0, None, -1]}, features)
    rows = read_text_rows("X", dataset, ("category",))
    assert [row["category"] for row in rows] == ["rain", "dog", None, None]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("caption", 3, "caption is 3, expected is text"),
        ("caption", ["A dog"], r"caption is \['A dog'\], expected is text"),
        ("caption", {"en": "A dog"}, "caption is {'en': 'A dog'}, expected is text"),
        ("youtube_id", 12345678901, "youtube_id is 12345678901, expected is text"),
        ("start_time", 30.5, "start_time is 30.5, expected is a whole number"),
    ],
)
def test_audiocaps(hub, column, value, message):
    folder = hub([{**AUDIOCAPS, column: value}])
    with pytest.raises(ValueError, match=f"--dataset_name .*, train: row 1 is damaged: {message}"):
        load_clips("audiocaps", dataset_name=folder)


def test_audiocaps_without_its_splits_is_named(hub):
    folder = hub([AUDIOCAPS], split="unlabelled")
    with pytest.raises(ValueError, match=r"it has .*, expected are splits of train, validation, test"):
        load_clips("audiocaps", dataset_name=folder)


@pytest.mark.parametrize(
    ("caption", "message"),
    [
        ({"en": "A dog"}, "row 1: its caption is {'en': 'A dog'}, expected is text or a list of texts"),
        (3, "row 1: its caption is 3, expected is text or a list of texts"),
        ([3], r"row 1: its caption is \[3\], expected is text or a list of texts"),
        ([["A dog"]], r"row 1: its caption is \[\['A dog'\]\], expected is text"),
        (None, "row 1 has an empty caption"),
    ],
)
def test_captions_for_retrieval(hub, caption, message):
    with pytest.raises(ValueError, match=message):
        load_hub_clips(hub([{"audio": SOUND, "caption": caption}]), "train")


def test_audio_for_retrieval(hub):
    [clip] = load_hub_clips(
        hub(
            [{"audio": None, "caption": "A dog"}],
            schema=pa.schema(
                [("audio", pa.struct({"bytes": pa.binary(), "path": pa.string()})), ("caption", pa.string())]
            ),
        ),
        "train",
    )
    assert clip.audio is None
    with pytest.raises(ValueError, match=r"the column audio is Value.*, expected is Audio"):
        load_hub_clips(hub([{"audio": 1.5, "caption": "A dog"}]), "train")


def test_paths_are_audio():
    dataset = keep_audio_undecoded("X", Dataset.from_dict({"audio": ["a.wav"]}))
    assert str(read_audio_cell(dataset[0]["audio"])) == "a.wav"


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """Writes the four rows of a group, with a column changed, as config `zste`."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")

    def write(change) -> str:
        rows = [{**row, **change} for row in make_rows("zste", "test", 0, includes_audio=True)]
        table = pa.Table.from_pylist(rows)
        (tmp_path / "hub" / "zste").mkdir(parents=True)
        pq.write_table(table, tmp_path / "hub" / "zste" / "test-00000-of-00001.parquet")
        config = "configs:\n- config_name: zste\n  data_files:\n  - split: test\n    path: zste/test-*.parquet\n"
        (tmp_path / "hub" / "README.md").write_text(f"---\n{config}---\n")
        return str(tmp_path / "hub")

    return write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": ["siren"]}, "its column events is .*, expected is"),
        ({"events": None}, "row 1 has no events"),
        ({"events": []}, "row 1 has no events"),
        ({"variant": {"name": "single"}}, "its column variant is .*, expected is ClassLabel"),
        ({"group_id": None}, "row 1 has no group_id"),
        ({"seen_pair": None}, "its groups have captions and no labels; ZSTE needs classes"),
        ({"audio": 3}, "the column audio is .*, expected is Audio"),
    ],
)
def test_scenes(scenes, change, message):
    with pytest.raises(ValueError, match=f"--zste_dataset .*{message}"):
        load_scenes(scenes(change), 0)


def test_folders_of_one_name_and_rebuilt_ones_are_not_taken_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    for parent, n_rows in (("a", 2), ("b", 5), ("b", 9)):
        folder = tmp_path / parent / "sounds"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"value": list(range(n_rows))}), folder / "test.parquet")
        assert len(load_hub_dataset("X", str(folder), "test")) == n_rows


def test_a_hub_that_fails_while_scenes_are_loaded_is_named(monkeypatch):
    def fail(*arguments, **options):
        raise HTTPError("the server is busy")

    monkeypatch.setattr("datasets.load_dataset", fail)
    monkeypatch.setattr("teminal.hub_rows.use_cache_if_hub_is_away", lambda name: None)
    with pytest.raises(
        ValueError, match=r"^--zste_dataset me/x: its config zste cannot be read: the server is busy; "
    ):
        load_scenes("me/x", 0)
