"""A folder of your own sounds, laid out as for `datasets`' audiofolder: a sub-folder per class, or metadata."""

import logging
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from teminal.clips import Clip
from teminal.find_audio import find_audio
from teminal.licenses import UNKNOWN
from teminal.metadata import METADATA, SPLIT_OF, read_metadata
from teminal.sources import require_folder
from teminal.splits import make_folds
from teminal.table import clean_labels, file_in

LICENSE = ATTRIBUTION = None  # those of the clips
CITATION = ""
REDISTRIBUTABLE = True
HINT = "one sub-folder per class, or metadata.csv with file_name and label or caption; see docs/own_sounds.md"
logger = logging.getLogger("teminal")


@dataclass(frozen=True)
class Folder:
    """Makes clips of the files of `root`; `has_splits` is whether its sub-folders are splits."""

    root: Path
    has_splits: bool
    recording_from_name: bool
    license: str | None
    attribution: str | None

    def clip(self, path: Path, row: dict) -> Clip:
        """The clip of a file, with what its row of the metadata says of it, if there is one."""
        inside = path.relative_to(self.root)
        name = unicodedata.normalize("NFC", inside.as_posix())
        captions = tuple(row["captions"]) if "captions" in row else (row["caption"],) if "caption" in row else ()
        recording = str(row.get("recording", name)).strip()
        if self.recording_from_name:
            if "recording" in row:
                raise ValueError("--recording_from_name: the metadata have a column recording; drop one of the two")
            recording = re.sub(r"[-_. ]+[^-_. ]*$", "", Path(name).stem) or name
        split = row.get("split", inside.parts[0].lower() if self.has_splits else None)
        credit = (row.get("attribution") or self.attribution or "").strip()
        return Clip(
            name,
            "" if captions else row.get("label") or self._class_of(inside),
            int(row["fold"]) if "fold" in row else None,
            recording,
            path,
            captions=captions,
            split=split and SPLIT_OF[split.strip()],
            license=(row.get("license") or self.license or UNKNOWN).strip(),
            attribution=", ".join(filter(None, (recording, credit))).replace(";", ","),
            credit=credit,
        )

    def _class_of(self, inside: Path) -> str:
        *folders, _ = inside.parts[1:] if self.has_splits else inside.parts
        if len(folders) != 1:
            where = "deeper than in a sub-folder for its class" if folders else "in no sub-folder for its class"
            raise ValueError(f"--audio_dir {self.root}: {inside.as_posix()} lies {where}; it needs {HINT}")
        return folders[0]


def load(
    audio_dir: str | None = None,
    recording_from_name: bool = False,
    license: str | None = None,
    attribution: str | None = None,
) -> list[Clip]:
    """The clips of a folder: labelled by sub-folder, or labelled or captioned by metadata files.

    Metadata files may lie in any of its folders, and name files from there on. Sub-folders that are all named as
    splits (train, validation, test and the like) are splits, and the same holds inside. Where neither folds nor
    splits are given, folds are made, see [`make_folds`].

    Args:
        audio_dir: the folder.
        recording_from_name: clips whose names differ only behind their last separator are of one recording.
        license: of the clips whose metadata name none, an identifier of the Hub or other words.
        attribution: whom to credit for the clips whose metadata name nobody.
    """
    root = require_folder("--audio_dir", audio_dir, HINT)
    found = find_audio(root)
    audio = found.files
    tables = [folder / name for folder in found.folders for name in METADATA if (folder / name).is_file()]
    others = replace(found, left_out=Counter(found.left_out) - Counter(table.suffix for table in tables))
    if others.left_out:
        logger.warning("--audio_dir %s: left out %s", root, others.describe_left_out())
    if not audio:
        raise FileNotFoundError(f"--audio_dir {root}: there is no audio in it; it needs {HINT}")

    tops = {path.relative_to(root).parts[:-1][:1] for path in audio}
    has_splits = all(top and top[0].lower() in SPLIT_OF for top in tops)
    folder = Folder(root, has_splits, recording_from_name, license, attribution)
    rows = _rows(tables) if tables else {path: {} for path in audio}
    if unnamed := sorted(set(audio) - set(rows)):
        logger.warning("left out %d files that no metadata name, such as %s", len(unnamed), unnamed[0])
    clips = [folder.clip(path, row) for path, row in rows.items()]
    labels = clean_labels(f"--audio_dir {root}", [clip.label for clip in clips])
    clips = [replace(clip, label=label) for clip, label in zip(clips, labels, strict=True)]
    try:
        _check_classes(clips)
        return _with_folds(clips)
    except ValueError as error:
        raise ValueError(f"--audio_dir {root}: {error}") from error


def _rows(tables: list[Path]) -> dict[Path, dict]:
    """File -> its row, of all metadata files."""
    named, seen = {}, set()
    for table in tables:
        if table.parent in seen:
            raise ValueError(f"{table.parent} holds several metadata files: keep one of {', '.join(METADATA)}")
        seen.add(table.parent)
        for number, row in enumerate(read_metadata(table), start=1):
            where, name = f"{table}: row {number}", row["file_name"]
            try:
                path = file_in(table.parent, name)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            if not path.is_file():
                raise FileNotFoundError(f"{where}: there is no file {name!r} in {table.parent}")
            if path in named:
                raise ValueError(f"{where}: {name!r} is named twice; for several captions there is a column captions")
            named[path] = row
    return named


def _check_classes(clips: list[Clip]) -> None:
    captioned = [clip for clip in clips if clip.captions]
    if captioned and len(captioned) < len(clips):
        raise ValueError(f"{len(captioned)} of {len(clips)} clips have captions and the others classes: keep one kind")
    classes = sorted({clip.label for clip in clips})
    if not captioned and len(classes) < 2:
        raise ValueError(f"{classes[0]!r} is its only class, so there is nothing to tell apart; it needs {HINT}")


def _with_folds(clips: list[Clip]) -> list[Clip]:
    for name in ("fold", "split"):
        without = [clip.name for clip in clips if getattr(clip, name) is None]
        if 0 < len(without) < len(clips):
            raise ValueError(f"{len(without)} of {len(clips)} clips have no {name}, such as {without[0]}")
    splits = {clip.split for clip in clips}
    if clips[0].fold is not None and splits != {None}:
        raise ValueError("clips have both a fold and a split: keep the one that training and test clips go by")
    if splits == {"train"}:  # all there is, so nothing is held out yet
        clips = [replace(clip, split=None) for clip in clips]
    return make_folds(clips) if clips[0].fold is None and clips[0].split is None else clips
