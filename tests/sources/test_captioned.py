"""AudioCaps, Clotho and UrbanSound8K: tables, recipes without audio, and rendering them from the user's own."""

import csv
import json

import pyarrow.parquet as pq
import pytest
import soundfile

from teminal.dataset.checks import find_faults
from teminal.dataset.rows import read_rows
from teminal.sources import load_clips
from teminal.sources.synthetic import synthesise
from tests.conftest import run_here

CAPTIONS = {
    "train": ["A dog barks", "Rain falls on a roof", "An engine idles", "People laugh, then clap", "A bell rings."],
    "val": ["A cat meows", "Thunder rumbles", "A horn honks"],
}
BUILD = ["dataset_scripts/build_dataset.py", "--source", "audiocaps", "--n_groups", 30, "--num_proc", 1]


def youtube_id(split, number):
    return f"{split:->8}{number:03d}"


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audiocaps")
    for split, captions in CAPTIONS.items():
        with open(folder / f"{split}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["audiocap_id", "youtube_id", "start_time", "caption"])
            writer.writerows([i, youtube_id(split, i), 30, caption] for i, caption in enumerate(captions))
    return folder


@pytest.fixture(scope="module")
def audio_dir(tmp_path_factory):
    """Stand-in audio for all but one clip; one file is named as yt-dlp scripts do, one is damaged."""
    folder = tmp_path_factory.mktemp("audio")
    for split, captions in CAPTIONS.items():
        for i in range(len(captions) - (split == "train")):
            name = f"Y{youtube_id(split, i)}.flac" if i == 0 else f"{youtube_id(split, i)}.wav"
            soundfile.write(folder / name, synthesise(["wind", "siren", "drum", "bell"][i], i, 32_000), 32_000)
    (folder / f"{youtube_id('val', 2)}.wav").write_bytes(b"RIFF")
    return folder


@pytest.fixture(scope="module")
def recipes(tables, tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("recipes")
    result = run_here(*BUILD, "--captions_dir", tables, "--output_dir", output_dir)
    assert result.returncode == 0, result.stderr
    return output_dir / "audiocaps"


def test_recipes_hold_no_audio_and_say_how_to_compose(recipes):
    rows = pq.read_table(recipes / "train-00000-of-00001.parquet").to_pylist()
    assert "audio" not in rows[0]
    assert all(row["render"]["start_s"] == [30] * len(row["render"]["clips"]) for row in rows)
    said = {event["label"] for row in rows for event in row["events"]}
    assert said == set(CAPTIONS["train"]) - {"People laugh, then clap"}
    assert not any(find_faults(read_rows(recipes), []).values())
    assert {row["fold"] for row in rows} == {row["seen_pair"] for row in rows} == {None}


def test_a_hub_dataset_with_the_tables_columns_gives_the_same_clips(tables, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "hub").mkdir()
    for split, name in {"train": "train", "val": "validation"}.items():
        (tmp_path / "hub" / f"{name}.csv").write_text((tables / f"{split}.csv").read_text())
    from_hub = load_clips("audiocaps", dataset_name=str(tmp_path / "hub"))
    assert from_hub == load_clips("audiocaps", captions_dir=str(tables))


def test_rendering_composes_what_has_its_audio(recipes, audio_dir, tmp_path):
    command = ["dataset_scripts/render_dataset.py", "--recipe_dir", recipes, "--audio_dir", audio_dir]
    result = run_here(*command, "--output_dir", tmp_path, "--num_proc", 1)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "audiocaps" / "build_report.json").read_text())
    assert report["skipped"] == {
        "missing file": [youtube_id("train", 4)],
        "unreadable audio": [youtube_id("val", 2)],
    }
    rendered, recipe_rows = read_rows(tmp_path / "audiocaps"), read_rows(recipes)
    assert not any(find_faults(rendered, []).values())
    lacking = {youtube_id("train", 4), youtube_id("val", 2)}
    whole = [row for row in recipe_rows if not lacking.intersection(row["render"]["clips"])]
    assert [(row["group_id"], row["caption"]) for row in rendered] == [
        (row["group_id"], row["caption"]) for row in whole
    ]
    durations_s = [row["render"]["duration_s"] for row in whole]
    assert [row["duration_s"] for row in rendered] == pytest.approx(durations_s, abs=1e-4)
    assert len(set(durations_s)) > 3


def test_audio_that_may_not_be_redistributed_is_refused(tables, audio_dir, tmp_path):
    command = [*BUILD, "--captions_dir", tables, "--audio_dir", audio_dir, "--output_dir", tmp_path]
    result = run_here(*command, "--include_audio")
    assert result.returncode == 1
    assert "--include_audio: AudioCaps audio comes from YouTube and may not be redistributed" in result.stderr
    assert not list(tmp_path.iterdir())


def test_recipes_of_the_audio_at_hand(tables, audio_dir, tmp_path):
    result = run_here(*BUILD, "--captions_dir", tables, "--audio_dir", audio_dir, "--output_dir", tmp_path)
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "audiocaps" / "build_report.json").read_text())
    assert report["skipped"] == {"missing file": [youtube_id("train", 4)]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("youtube_id,start_time,caption\nabcdefghijk,0, \n", "line 2 is damaged: caption is ' ', expected is text"),
        (
            "youtube_id,start_time,caption\nabcdefghijk,soon,A dog\n",
            "line 2 is damaged: start_time is 'soon'",
        ),
        ("youtube_id,start_time,caption\n../../x,0,A dog\n", "'../../x' is no YouTube id"),
        ("youtube_id,caption\nabcdefghijk,A dog\n", "no column start_time"),
        ("youtube_id,start_time,caption\n", "the table has no rows"),
    ],
)
def test_damaged_caption_tables_are_named(tmp_path, content, message):
    (tmp_path / "train.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        load_clips("audiocaps", captions_dir=str(tmp_path))


def test_rendering_names_what_is_missing(recipes, tmp_path):
    command = ["dataset_scripts/render_dataset.py", "--audio_dir", tmp_path, "--output_dir", tmp_path / "out"]
    result = run_here(*command, "--recipe_dir", recipes)
    assert "none of its files is named as a clip" in result.stderr
    assert "no build_report.json in it" in run_here(*command, "--recipe_dir", tmp_path).stderr


def test_clotho_takes_five_captions_and_audio_in_any_format(tmp_path):
    with open(tmp_path / "clotho_captions_evaluation.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", *(f"caption_{i}" for i in range(1, 6))])
        writer.writerow(["a dog.wav", *(f"Dog {i}" for i in range(5))])
    (tmp_path / "evaluation").mkdir()
    soundfile.write(tmp_path / "evaluation" / "a dog.ogg", synthesise("wind", 0, 48_000), 48_000)
    (clip,) = load_clips("clotho", captions_dir=str(tmp_path), audio_dir=str(tmp_path))
    assert clip.split == "test"
    assert clip.captions == tuple(f"Dog {i}" for i in range(5))
    assert clip.audio == tmp_path / "evaluation" / "a dog.ogg"
    with pytest.raises(ValueError, match="--audio_dir is missing"):
        load_clips("clotho", captions_dir=str(tmp_path))


def test_urbansound8k_folder(tmp_path):
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "UrbanSound8K.csv").write_text(
        "slice_file_name,fsID,start,end,salience,fold,classID,class\n7-0-0.wav,7,0.0,4.0,1,5,3,dog_bark\n"
    )
    (clip,) = load_clips("urbansound8k", audio_dir=str(tmp_path))
    assert (clip.label, clip.fold, clip.recording) == ("dog_bark", 5, "7")
    assert clip.audio == tmp_path / "audio" / "fold5" / "7-0-0.wav"
