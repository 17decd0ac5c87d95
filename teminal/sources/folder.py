"""Load a folder of your own sounds, in the layout of `datasets`' audiofolder: a sub-folder per class, or metadata."""

import logging
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

from teminal.audio import find_audio
from teminal.clips import Clip
from teminal.licenses import UNKNOWN
from teminal.sources import require_folder
from teminal.sources._metadata import METADATA, SPLIT_OF, read_metadata
from teminal.splits import make_folds
from teminal.tables import Row, clean_labels, find_file

LICENSE = ATTRIBUTION = None  # given per clip
CITATION = ""
REDISTRIBUTABLE = True
HINT = "one sub-folder per class, or metadata.csv with file_name and label or caption; see docs/own_sounds.md"
logger = logging.getLogger("teminal")


def load(
    audio_dir: str | None = None,
    recording_from_name: bool = False,
    license: str | None = None,
    attribution: str | None = None,
) -> list[Clip]:
    """Load the clips of a folder: labelled by sub-folders, or labelled or captioned by metadata files.

    A metadata file may be in any sub-folder; its file names are relative to that. If all top-level sub-folders have
    names of splits (train, validation, test and the like), they are splits, with the same layout inside. Without folds
    or splits, folds are made, see [`make_folds`].

    Args:
        audio_dir: the folder.
        recording_from_name: clips whose names differ only after the last separator are of one recording.
        license: of clips without one in their metadata: a Hub identifier or other words.
        attribution: whom to credit for clips without attribution in their metadata.
    """
    root = require_folder("--audio_dir", audio_dir, HINT)
    found = find_audio(root)
    tables = [folder / name for folder in found.folders for name in METADATA if (folder / name).is_file()]
    if left_out := Counter(found.left_out) - Counter(table.suffix for table in tables):
        logger.warning("--audio_dir %s: left out %s", root, replace(found, left_out=left_out).describe_left_out())
    if not found.files:
        raise FileNotFoundError(f"--audio_dir {root}: there is no audio in it; it needs {HINT}")
    rows = _read_rows(tables) if tables else {path: {} for path in found.files}
    if unnamed := sorted(set(found.files) - set(rows)):
        logger.warning("left out %d files that no metadata name, such as %s", len(unnamed), unnamed[0])
    if recording_from_name and any("recording" in row for row in rows.values()):
        raise ValueError("--recording_from_name: the metadata have a column recording; drop one of the two")

    has_splits = {path.relative_to(root).parts[0].lower() for path in found.files} <= SPLIT_OF.keys()
    clips = []
    for path, row in rows.items():
        inside = path.relative_to(root)
        name = unicodedata.normalize("NFC", inside.as_posix())
        recording = str(row.get("recording", name)).strip()
        if recording_from_name:
            recording = re.sub(r"[-_. ]+[^-_. ]*$", "", Path(name).stem) or name
        label = "" if "captions" in row else row.get("label") or _class_of_folder(root, inside, has_splits)
        split = SPLIT_OF[inside.parts[0].lower()] if has_splits else None
        credit = (row.get("attribution") or attribution or "").strip()
        clip = Clip(
            name=name,
            label=label,
            fold=int(row["fold"]) if "fold" in row else None,
            recording=recording,
            audio=path,
            captions=row.get("captions", ()),
            split=row.get("split", split),
            license=(row.get("license") or license or UNKNOWN).strip(),
            attribution=", ".join(filter(None, (recording, credit))).replace(";", ","),
            credit=credit,
        )
        clips.append(clip)
    labels = clean_labels(f"--audio_dir {root}", [clip.label for clip in clips])
    try:
        return _with_folds([replace(clip, label=label) for clip, label in zip(clips, labels, strict=True)])
    except ValueError as error:
        raise ValueError(f"--audio_dir {root}: {error}") from error


def _class_of_folder(root: Path, inside: Path, has_splits: bool) -> str:
    folders = inside.parts[1:-1] if has_splits else inside.parts[:-1]
    if len(folders) != 1:
        where = "deeper than in a sub-folder for its class" if folders else "in no sub-folder for its class"
        raise ValueError(f"--audio_dir {root}: {inside.as_posix()} lies {where}; it needs {HINT}")
    return folders[0]


def _read_rows(tables: list[Path]) -> dict[Path, Row]:
    """Map each audio file to its row in the metadata files."""
    rows: dict[Path, Row] = {}
    folders = [table.parent for table in tables]
    for table in tables:
        if folders.count(table.parent) > 1:
            raise ValueError(f"{table.parent} holds several metadata files: keep one of {', '.join(METADATA)}")
        for number, row in enumerate(read_metadata(table), start=1):
            where, name = f"{table}: row {number}", row["file_name"]
            try:
                path = find_file(table.parent, name)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            if not path.is_file():
                raise FileNotFoundError(f"{where}: there is no file {name!r} in {table.parent}")
            if path in rows:
                raise ValueError(f"{where}: {name!r} is named twice; for several captions there is a column captions")
            rows[path] = row
    return rows


def _with_folds(clips: list[Clip]) -> list[Clip]:
    """Check that all clips are of one kind, and make folds if they have neither folds nor splits."""
    n_captioned = sum(bool(clip.captions) for clip in clips)
    if 0 < n_captioned < len(clips):
        raise ValueError(f"{n_captioned} of {len(clips)} clips have captions and the others classes: keep one kind")
    if not n_captioned and len({clip.label for clip in clips}) < 2:
        raise ValueError(f"{clips[0].label!r} is its only class, so there is nothing to tell apart; it needs {HINT}")
    for name in ("fold", "split"):
        without = [clip.name for clip in clips if getattr(clip, name) is None]
        if 0 < len(without) < len(clips):
            raise ValueError(f"{len(without)} of {len(clips)} clips have no {name}, such as {without[0]}")
    splits = {clip.split for clip in clips}
    if clips[0].fold is not None and splits != {None}:
        raise ValueError("clips have both a fold and a split: keep the one that training and test clips go by")
    if splits == {"train"}:  # nothing is held out yet
        clips = [replace(clip, split=None) for clip in clips]
    return make_folds(clips) if clips[0].fold is None and clips[0].split is None else clips
