import shutil

import numpy as np
import pytest

from teminal.cli import parse_options
from teminal.clips import build_bank, read_clip
from teminal.sources import CreditedSourceOptions, SourceOptions, load_clips
from teminal.sources.synthetic import SYNTHETIC_CLASSES, synthesise


@pytest.fixture
def esc50_copy(esc50_dir, tmp_path):
    return shutil.copytree(esc50_dir, tmp_path / "copy")


def test_folder_is_read_and_resampled(esc50_dir):
    clips = load_clips("esc50", [1], esc50_dir=str(esc50_dir))
    assert [clip.label for clip in clips] == ["siren", "siren", "ticking", "ticking", "wind", "wind"]
    assert all(clip.fold == 1 for clip in clips)
    for clip in clips:
        waveform = read_clip(clip)
        assert waveform.dtype == np.float32
        assert waveform.ndim == 1
        assert abs(len(waveform) - 240_000) <= 2


def test_hub_dataset_with_the_same_columns_gives_the_same_clips(esc50_dir, tmp_path):
    from datasets import Dataset

    rows = [line.split(",") for line in (esc50_dir / "meta" / "esc50.csv").read_text().split()[1:]]
    columns = ["filename", "fold", "target", "category", "esc10", "src_file", "take"]
    table = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    table["fold"] = [int(fold) for fold in table["fold"]]
    table["audio"] = [{"bytes": (esc50_dir / "audio" / name).read_bytes(), "path": name} for name in table["filename"]]
    (tmp_path / "hub" / "data").mkdir(parents=True)
    Dataset.from_dict(table).to_parquet(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet")
    from_hub = load_clips("esc50", [2], dataset_name=str(tmp_path / "hub"))
    from_folder = load_clips("esc50", [2], esc50_dir=str(esc50_dir))
    assert [clip.name for clip in from_hub] == [clip.name for clip in from_folder]
    assert np.array_equal(read_clip(from_hub[0]), read_clip(from_folder[0]))


def test_the_options_of_a_command_load_the_same_clips(esc50_dir):
    options = parse_options(CreditedSourceOptions, ["--source", "esc50", "--esc50_dir", str(esc50_dir)], None)
    assert options.given() == {"esc50_dir": str(esc50_dir)}
    assert [clip for clip in options.load() if clip.fold == 1] == load_clips("esc50", [1], esc50_dir=str(esc50_dir))
    with pytest.raises(ValueError, match=r"--source folder takes .*, not --esc50_dir"):
        CreditedSourceOptions(source="folder", esc50_dir="ESC-50").load()
    with pytest.raises(ValueError, match="--source is missing: choose of audiocaps"):
        SourceOptions().load()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"esc50_dir": "nowhere"}, FileNotFoundError, "nowhere: no such folder"),
        ({}, ValueError, "--esc50_dir"),
        ({"source": "birds"}, ValueError, "--source birds"),
        ({"source": "synthetic", "esc50_dir": "ESC-50"}, ValueError, "takes no folder, not --esc50_dir"),
        ({"esc50_dir": "ESC-50", "dataset_name": "ashraq/esc50"}, ValueError, "give one of them"),
    ],
)
def test_missing_data_is_named(options, error, message):
    with pytest.raises(error, match=message):
        load_clips(**{"source": "esc50", "folds": [1], **options})


def test_folder_without_table_and_unknown_fold(esc50_copy):
    with pytest.raises(ValueError, match="fold 7 does not exist"):
        load_clips("esc50", [1, 7], esc50_dir=str(esc50_copy))
    (esc50_copy / "meta" / "esc50.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"meta/esc50\.csv is missing"):
        load_clips("esc50", [1], esc50_dir=str(esc50_copy))


def test_missing_columns_are_named(esc50_copy):
    table = esc50_copy / "meta" / "esc50.csv"
    table.write_text(table.read_text().replace("category", "class"))
    with pytest.raises(ValueError, match=r"esc50\.csv: no column category"):
        load_clips("esc50", [1], esc50_dir=str(esc50_copy))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",1,0,siren", ",one,0,siren", "line 2 is damaged: fold is 'one', expected is a whole number"),
        ("False,10022,B", "False", "line 13 has more or fewer fields than the header"),
    ],
)
def test_damaged_rows_are_named(esc50_copy, old, new, message):
    table = esc50_copy / "meta" / "esc50.csv"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_clips("esc50", [1], esc50_dir=str(esc50_copy))


def test_official_table_beside_clips_turned_into_ogg(esc50_copy):
    table = esc50_copy / "meta" / "esc50.csv"
    table.write_text(table.read_text().replace(".ogg", ".wav"))
    clips = load_clips("esc50", [1, 2], esc50_dir=str(esc50_copy))
    assert sum(clip.audio.suffix == ".ogg" for clip in clips) == 2
    assert build_bank(clips).skipped == {}


def test_synthetic_bank_has_many_distinct_reproducible_instances():
    assert len(SYNTHETIC_CLASSES) >= 16
    clips = load_clips("synthetic", [1, 2, 3, 4, 5])
    assert len({clip.audio for clip in clips}) == len(clips) >= 100 * len(SYNTHETIC_CLASSES)
    for label in SYNTHETIC_CLASSES:
        first, again, other = (synthesise(label, index, 48_000) for index in (3, 3, 4))
        assert np.array_equal(first, again)
        assert not np.allclose(first, other, atol=1e-3)
        assert np.isfinite(first).all()
