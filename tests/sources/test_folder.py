"""A folder of one's own sounds as a source: layouts, folds, and what users get wrong."""

import json
import shutil
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teminal.clips import Clip, read_clip
from teminal.sources import load_clips, source_credits
from teminal.splits import make_folds
from tests.own_sounds import CLASSES, write_classes, write_sound


def load(root, **options):
    return load_clips("folder", audio_dir=str(root), **options)


def write_metadata(root, rows, suffix=".csv"):
    """The rows as a metadata file; of CSV, lists become JSON."""
    path = root / f"metadata{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    elif suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        quoted = [[json.dumps(v) if isinstance(v, list) else str(v) for v in row.values()] for row in rows]
        lines = [",".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in cells) for cells in quoted]
        path.write_text("\n".join([",".join(rows[0]), *lines]) + "\n")
    return path


@pytest.fixture
def classes(tmp_path):
    return write_classes(tmp_path / "sounds")


@pytest.fixture
def flat(tmp_path):
    """Ten files in one folder."""
    for number in range(10):
        write_sound(tmp_path / f"{number}.wav")
    return tmp_path


def test_sub_folders_are_classes_in_any_format_and_rate(classes):
    (classes / "dog" / "._dog-0.wav").write_bytes(b"of a Mac")
    write_sound(classes / ".cache" / "1.wav").with_name("metadata.csv").write_text("a,b")
    (classes / "dog" / "notes.txt").write_text("")
    clips = load(classes)
    assert Counter(clip.label for clip in clips) == dict.fromkeys(CLASSES, 5)
    assert {clip.fold for clip in clips if clip.label == "dog"} == {1, 2, 3, 4, 5}
    assert clips[0].name == "bell/bell-0.wav"
    for clip in clips:
        assert abs(len(read_clip(clip)) - 48_000) < 3000  # MP3 is padded


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_metadata_of_every_kind_say_the_same(flat, suffix):
    labelled = [{"file_name": f"{i}.wav", "label": f"class {i % 2}", "fold": 1 + i % 5} for i in range(10)]
    write_metadata(flat, labelled, suffix)
    clips = load(flat)
    assert [(clip.label, clip.fold) for clip in clips] == [(f"class {i % 2}", 1 + i % 5) for i in range(10)]

    captioned = [{"file_name": f"{i}.wav", "captions": [f"A dog, {i}", "It barks"], "split": "test"} for i in range(9)]
    write_metadata(flat, captioned, suffix)
    clips = load(flat)
    assert len(clips) == 9
    assert clips[1].captions == ("A dog, 1", "It barks")
    assert {clip.split for clip in clips} == {"test"}
    assert not any(clip.label for clip in clips)

    one_caption = [{"file_name": f"{i}.wav", "caption": f"A dog, {i}", "recording": i // 2} for i in range(10)]
    write_metadata(flat, one_caption, suffix)
    clips = load(flat)
    assert clips[3].captions == ("A dog, 3",)
    assert clips[3].recording == "1"
    assert {clip.fold for clip in clips} == {1, 2, 3, 4, 5}
    assert all(clips[i].fold == clips[i + 1].fold for i in range(0, 10, 2))


def test_splits_are_folders_of_classes_or_of_metadata(tmp_path):
    for split in ("train", "val", "test"):
        write_classes(tmp_path / "folders" / split, 1)
    clips = load(tmp_path / "folders")
    assert Counter((clip.split, clip.label) for clip in clips) == {
        (split, label): 1 for split in ("train", "validation", "test") for label in CLASSES
    }
    assert {clip.fold for clip in clips} == {None}

    for split in ("train", "test"):
        rows = [{"file_name": f"{i}.wav", "label": CLASSES[i]} for i in range(3)]
        for row in rows:
            write_sound(tmp_path / "metadata" / split / row["file_name"])
        write_metadata(tmp_path / "metadata" / split, rows, ".jsonl")
    clips = load(tmp_path / "metadata")
    assert [(clip.name, clip.split, clip.label) for clip in clips[:2]] == [
        ("test/0.wav", "test", "bell"),
        ("test/1.wav", "test", "dog"),
    ]


def test_a_train_folder_alone_holds_nothing_out_so_folds_are_made(tmp_path):
    write_classes(tmp_path / "train")
    assert {(clip.split, clip.fold) for clip in load(tmp_path)} == {(None, fold) for fold in range(1, 6)}


def test_a_class_may_be_named_as_a_split(tmp_path):
    clips = load(write_classes(tmp_path, classes=("bus", "train")))
    assert {clip.label for clip in clips} == {"bus", "train"}


def test_metadata_without_label_leave_the_class_to_the_folder(classes):
    rows = [{"file_name": f"{label}/{label}-{i}.wav", "fold": 1 + i // 4} for label in CLASSES for i in (0, 4)]
    write_metadata(classes, rows)
    assert [(clip.label, clip.fold) for clip in load(classes)] == [(c, fold) for c in CLASSES for fold in (1, 2)]


def test_folds_depend_on_names_alone(classes, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    for path in sorted(classes.rglob("*.*"), reverse=True):
        (elsewhere / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, elsewhere / path.parent.name / path.name)
    folds = {clip.name: clip.fold for clip in load(elsewhere)}
    assert folds == {clip.name: clip.fold for clip in load(classes)}
    assert folds["dog/dog-0.wav"] == 2  # on every machine


def test_recordings_stay_together_by_name_if_asked(tmp_path):
    for label in CLASSES:
        for recording in "abcdefg":
            for part in (1, 2, 3):
                write_sound(tmp_path / label / f"{label}_{recording}-{part}.wav", seconds=0.1)
    of_recording = {}
    for clip in load(tmp_path, recording_from_name=True):
        of_recording.setdefault(clip.recording, []).append(clip.fold)
    assert set(of_recording) == {f"{label}_{recording}" for label in CLASSES for recording in "abcdefg"}
    assert all(len(folds) == 3 and len(set(folds)) == 1 for folds in of_recording.values())
    n_in_fold = Counter(folds[0] for folds in of_recording.values())
    assert sorted(n_in_fold) == [1, 2, 3, 4, 5]
    assert max(n_in_fold.values()) - min(n_in_fold.values()) <= 1


def test_rare_classes_are_where_training_and_test_clips_are(tmp_path):
    for label, n_clips in (("often", 11), ("rare", 3), ("rarest", 2)):
        write_classes(tmp_path, n_clips, (label,))
    folds = {}
    for clip in load(tmp_path):
        folds.setdefault(clip.label, []).append(clip.fold)
    assert len(set(folds["rare"])) == 3
    assert 5 in folds["rare"]
    assert len(set(folds["rarest"])) == 2
    assert 5 in folds["rarest"]
    assert sorted(Counter(folds["often"]).values()) == [2, 2, 2, 2, 3]


def clips_of(recordings):
    """Recording -> its classes and how many clips of each."""
    return [
        Clip(f"{recording}-{label}-{number}", label, None, recording, b"")
        for recording, counts in recordings.items()
        for label, n_clips in counts.items()
        for number in range(n_clips)
    ]


def test_classes_that_share_recordings_are_trained_and_tested_on():
    clips = make_folds(clips_of({"R1": {"a": 1, "b": 1}, "R2": {"a": 1, "c": 1}, "R3": {"b": 9}, "R4": {"c": 9}}))
    for label in "abc":
        is_tested = {clip.fold == 5 for clip in clips if clip.label == label}
        assert is_tested == {True, False}, label
    assert len({(clip.recording, clip.fold) for clip in clips}) == 4


def test_classes_that_cannot_be_trained_and_tested_on_are_named():
    triangle = {"R1": {"a": 1, "b": 1}, "R2": {"b": 1, "c": 1}, "R3": {"a": 1, "c": 1}}
    with pytest.raises(ValueError, match=r"class '[abc]' shares its recordings with other classes so that none"):
        make_folds(clips_of(triangle))


def test_terms_are_the_users_own(classes):
    clips = load(classes)
    assert source_credits("folder", clips) == {"license": "unknown", "attribution": "", "citation": ""}
    clips = load(classes, license="cc-by-4.0", attribution="Jane Doe; John Roe")
    assert source_credits("folder", clips)["license"] == "cc-by-4.0"
    assert source_credits("folder", clips)["attribution"] == "Jane Doe; John Roe"
    assert clips[0].attribution == "bell/bell-0.wav, Jane Doe, John Roe"

    rows = [{"file_name": f"{c}/{c}-{i}.wav", "label": c, "license": ""} for c in CLASSES for i in (0, 4)]
    rows[0] |= {"license": "cc-by-nc-4.0"}
    write_metadata(classes, rows)
    assert {clip.license for clip in load(classes, license="cc0-1.0")} == {"cc0-1.0", "cc-by-nc-4.0"}
    assert source_credits("folder", load(classes, license="cc0-1.0"))["license"] == "cc-by-nc-4.0"
    assert source_credits("folder", load(classes))["license"] == "unknown"


def one_class(root):
    shutil.rmtree(root / "dog")
    shutil.rmtree(root / "rain")


def no_audio(root):
    for path in root.rglob("*.*"):
        path.unlink()


def beside_the_classes(root):
    write_sound(root / "stray.wav")


def too_deep(root):
    write_sound(root / "dog" / "small" / "1.wav")


def one_clip(root):
    for path in sorted((root / "dog").iterdir())[1:]:
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "options", "message"),
    [
        (shutil.rmtree, {}, "no such folder"),
        (no_audio, {}, "no audio in it; it needs one sub-folder per class"),
        (one_class, {}, "'bell' is its only class"),
        (beside_the_classes, {}, "stray.wav lies in no sub-folder for its class"),
        (too_deep, {}, "dog/small/1.wav lies deeper than"),
        (one_clip, {}, "class 'dog' has one recording only"),
        (None, {"recording_from_name": True}, "class 'bell' has one recording only, all 5 clips being of it"),
        (None, {"esc50_dir": "ESC-50"}, "not --esc50_dir"),
    ],
)
def test_a_folder_of_another_kind_is_named(classes, damage, options, message):
    if damage:
        damage(classes)
    with pytest.raises((ValueError, OSError), match=message):
        load(classes, **options)


ROW = {"file_name": "0.wav", "label": "dog"}


@pytest.mark.parametrize(
    ("suffix", "rows", "message"),
    [
        (".csv", [{"label": "dog"}], r"metadata\.csv: no column file_name"),
        (".csv", [{**ROW, "caption": "A dog"}], "columns label and caption"),
        (".csv", [{**ROW, "fold": 1, "split": "test"}], "columns fold and split"),
        (".csv", [{**ROW, "fold": "one"}], "fold is 'one'"),
        (".csv", [{**ROW, "label": " "}], "label is"),
        (".csv", [{**ROW, "split": "tests"}], "row 1: split 'tests': choose of train"),
        (
            ".csv",
            [{"file_name": "0.wav", "captions": "A dog"}],
            "row 1: write captions as a list.*'A dog' is not JSON",
        ),
        (".csv", [{**ROW, "file_name": "../0.wav"}], r"metadata\.csv: row 1: file name '../0.wav' leads out of"),
        (".csv", [{**ROW, "file_name": "none.wav"}], "row 1: there is no file 'none.wav' in"),
        (".csv", [ROW, {**ROW, "file_name": "./0.wav"}], r"row 2: './0.wav' is named twice"),
        (".jsonl", [ROW, {"file_name": "1.wav"}], "row 2 is damaged: label is empty"),
        (".jsonl", [{**ROW, "label": 3}], "label is 3"),
        (".jsonl", [{**ROW, "label": ["dog"]}], "label is .'dog'."),
        (".jsonl", [{**ROW, "license": 4}], "row 1: license 4 is no text"),
        (".jsonl", [{"file_name": "0.wav", "captions": []}], "row 1 has an empty caption"),
        (".jsonl", [{"file_name": "0.wav", "captions": ["A dog", " "]}], "row 1 has an empty caption"),
        (".jsonl", [{"file_name": "0.wav", "caption": {"en": "A dog"}}], "caption is"),
        (".parquet", [ROW, {**ROW, "file_name": "1.wav", "label": None}], "row 2 is damaged: label is empty"),
        (".parquet", [{"file_name": "0.wav", "captions": None}], "row 1 has an empty caption"),
    ],
)
def test_metadata_that_say_too_little_or_too_much_are_named(flat, suffix, rows, message):
    write_metadata(flat, rows, suffix)
    with pytest.raises((ValueError, OSError), match=message):
        load(flat)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metadata.jsonl", b'{"file_name": "0.wav"\n', "line 1 is not JSON"),
        ("metadata.jsonl", b'["0.wav"]\n', "line 1 is no JSON object"),
        ("metadata.jsonl", b"\n", "the table has no rows"),
        ("metadata.jsonl", b"\xff\xfe", "not UTF-8"),
        ("metadata.parquet", b"PAR1", "damaged"),
    ],
)
def test_damaged_metadata_are_named(flat, name, content, message):
    (flat / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name}.*{message}"):
        load(flat)


def test_what_metadata_contradict_is_named(flat):
    write_metadata(flat, [{"file_name": f"{i}.wav", "label": "ab"[i % 2], "recording": i} for i in range(10)])
    with pytest.raises(ValueError, match="metadata have a column recording"):
        load(flat, recording_from_name=True)
    (flat / "metadata.jsonl").write_text("{}")
    with pytest.raises(ValueError, match="holds several metadata files"):
        load(flat)


def test_files_without_metadata_are_left_out_and_counted(flat, caplog):
    write_metadata(flat, [{"file_name": f"{i}.wav", "label": "ab"[i % 2]} for i in range(8)])
    (flat / "readme.txt").write_text("")
    assert len(load(flat)) == 8
    assert "left out 2 files that no metadata name, such as" in caplog.text
    assert "left out 1 .txt" in caplog.text
