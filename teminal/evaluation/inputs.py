"""Load the clips and captions of each evaluation, undecoded, without slow imports.

All raise ValueError or OSError naming the flag at fault.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from teminal.audio import ALL_SUFFIXES
from teminal.clips import Clip
from teminal.evaluation.options import (
    ClassificationOptions,
    CompaOptions,
    RetrievalOptions,
    SearchOptions,
    ZsteOptions,
)
from teminal.hub_rows import keep_audio_undecoded, load_hub_dataset, read_audio_cell
from teminal.sources import require_folder, require_labels, select_clips
from teminal.tables import check_columns, check_rows, clean_labels, find_file, read_captions, read_table

COMPA_HINT = "get tables and audio from github.com/Sreyan88/CompA"
PAIR = ("pair", "reversed_pair")
COMPA_COLUMNS = tuple(f"{member}_{part}" for part in ("caption", "file") for member in PAIR)


def load_test_clips(options: ZsteOptions) -> list[Clip] | None:
    """Load the clips for ZSTE scenes, `None` with `--zste_dataset`; set the default folds or split."""
    return None if options.zste_dataset else load_clips_to_compose(options)


def load_clips_to_compose(options: ZsteOptions | SearchOptions) -> list[Clip]:
    """Load the labelled clips of the test folds or split; set their default."""
    clips = options.load()
    require_labels(clips, f"--source {options.source}")
    if clips[0].fold is None:
        options.split = options.split or "test"
    elif not options.split:
        options.folds = options.folds or [5]
    return select_clips(clips, options.folds, options.split, str(options.source))


def load_labelled_clips(options: ClassificationOptions) -> list[Clip]:
    """Load clips with their class, or of FSD50K their classes."""
    if options.source == "fsd50k":
        return load_fsd50k(options.labels_file, options.audio_dir)
    clips = options.load()
    require_labels(clips, f"--source {options.source}")
    return select_clips(clips, options.folds, options.split, str(options.source))


def load_fsd50k(labels_file: str | None, audio_dir: str | None) -> list[Clip]:
    """Load FSD50K (Fonseca et al., TASLP 2022); a clip's label is its classes, separated by commas.

    FSDKaggle's tables, whose `fname` ends in .wav, are read too.
    """
    hint = "get FSD50K from zenodo.org/records/4060432"
    if not labels_file:
        raise ValueError(f"--labels_file is missing: the table eval.csv; {hint}")
    origin, folder = f"--labels_file {labels_file}", require_folder("--audio_dir", audio_dir, hint)
    rows = read_table(Path(labels_file), ("fname", "labels"))
    given = [label for row in rows for label in row["labels"].split(",")]
    cleaned = dict(zip(given, clean_labels(origin, given), strict=True))
    clips = {}
    for number, row in enumerate(rows, start=1):
        name, labels = row["fname"].strip(), [cleaned[label] for label in row["labels"].split(",")]
        if not all(labels):
            raise ValueError(f"{origin}: row {number} has an empty label: {row['labels']!r}")
        if not row.get("mids", "/").startswith("/"):
            raise ValueError(f"{origin}: row {number}: {row['mids']!r} is no mid; quote its labels")
        file = name if name.lower().endswith(ALL_SUFFIXES) else f"{name}.wav"
        clips[name] = Clip(name, label=",".join(labels), audio=find_file(folder, file))
    if len(clips) < len(rows):
        raise ValueError(f"{origin}: {len(rows) - len(clips)} of its rows repeat an fname")
    return list(clips.values())


def load_captioned_clips(options: RetrievalOptions) -> list[Clip]:
    """Load clips with their captions; set the default split."""
    if not options.source:
        options.split = options.split or "test"
        return load_hub_clips(str(options.dataset_name), options.split)
    clips = options.load()
    if not clips[0].captions:
        raise ValueError(f"--source {options.source}: its clips have classes and no captions to search by")
    if clips[0].fold is None:
        options.split = options.split or "test"
    data = options.captions_dir or options.dataset_name or options.audio_dir
    return select_clips(clips, options.folds, options.split, str(data))


def load_hub_clips(dataset_name: str, split: str) -> list[Clip]:
    """Load the clips of a Hub dataset with the columns `audio` and `caption`."""
    origin = f"--dataset_name {dataset_name}"
    dataset = load_hub_dataset(origin, dataset_name, split)
    check_columns(origin, dataset.column_names, ("audio", "caption"))
    return group_rows(origin, keep_audio_undecoded(origin, dataset).select_columns(["audio", "caption"]))


def group_rows(origin: str, rows: Iterable[dict]) -> list[Clip]:
    """Make one clip of all rows with the same `audio` bytes or path; `caption` is a text or a list of texts."""
    clips: dict[object, Clip] = {}
    for number, row in enumerate(rows, start=1):
        said, content = read_captions(f"{origin}: row {number}", row["caption"]), read_audio_cell(row["audio"])
        key = hashlib.sha256(content).digest() if isinstance(content, bytes) else content or number
        known = clips.get(key) or Clip(f"row {number}", audio=content)
        clips[key] = replace(known, captions=known.captions + said)
    return list(clips.values())


@dataclass(frozen=True)
class CompaRow:
    """Two or three file names of the table, and the caption of each."""

    files: tuple[str, ...]
    captions: tuple[str, ...]


def read_compa_rows(options: CompaOptions) -> tuple[list[CompaRow], list[CompaRow]]:
    """Read the pairs and the triplets of a CompA table.

    CompA-attribute has two columns `pair_file`: the first is the origin, the second the file in the archive.
    """
    if not Path(options.csv_file).is_file():
        raise FileNotFoundError(f"--csv_file {options.csv_file}: no such table; {COMPA_HINT}")
    require_folder("--audio_dir", options.audio_dir, COMPA_HINT)
    table = read_table(Path(options.csv_file), COMPA_COLUMNS, twice=COMPA_COLUMNS[2:])
    files = [f"{member}_file.1" if f"{member}_file.1" in table[0] else f"{member}_file" for member in PAIR]
    check_rows(options.csv_file, table, tuple(files))
    pairs, triplets = [], []
    for line in table:
        pair = CompaRow(tuple(line[name] for name in files), tuple(line[name] for name in COMPA_COLUMNS[:2]))
        pairs.append(pair)
        file, caption = ((line.get(f"triplet_{part}") or "").strip() for part in ("file", "caption"))
        if file not in ("", "-") and caption not in ("", "-"):  # of rows without a triplet
            triplets.append(CompaRow((*pair.files, file), (*pair.captions, caption)))
    return pairs, triplets
