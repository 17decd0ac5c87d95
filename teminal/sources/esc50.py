"""Load ESC-50 from its official folder, or from a Hub dataset with the same columns (K. J. Piczak, ACM MM 2015)."""

from pathlib import Path

from teminal.clips import Clip
from teminal.hub_rows import keep_audio_undecoded, load_hub_dataset, read_audio_cell, read_text_rows
from teminal.sources import MissingOptionError, require_folder
from teminal.tables import Row, check_rows, clean_labels, find_file, read_table

LICENSE = "cc-by-nc-3.0"
ATTRIBUTION = (
    "ESC-50: Dataset for Environmental Sound Classification, K. J. Piczak, 2015 (github.com/karolpiczak/ESC-50), "
    "from recordings of freesound.org, CC BY-NC 3.0; its ESC-10 subset CC BY 3.0."
)
CITATION = """@inproceedings{piczak2015esc,
  author = {Piczak, Karol J.},
  title = {{ESC}: {Dataset} for {Environmental Sound Classification}},
  booktitle = {Proceedings of the 23rd ACM International Conference on Multimedia},
  pages = {1015--1018},
  year = {2015},
  doi = {10.1145/2733373.2806390},
}"""
REDISTRIBUTABLE = True
DURATION_S = 5.0
COLUMNS = ("filename", "fold", "category", "src_file")


def load(esc50_dir: str | None = None, dataset_name: str | None = None) -> list[Clip]:
    """Load the clips of the official folder, with `meta/esc50.csv` and `audio/` in WAV or Ogg, or of a Hub dataset."""
    if esc50_dir and dataset_name:
        raise ValueError("--esc50_dir and --dataset_name: give one of them")
    if dataset_name:
        return _load_hub(dataset_name)
    if not esc50_dir:
        raise MissingOptionError("--esc50_dir (official folder) or --dataset_name (Hub dataset id)")
    root = require_folder("--esc50_dir", esc50_dir, "get ESC-50 from github.com/karolpiczak/ESC-50")
    for part in ("meta/esc50.csv", "audio"):
        if not (root / part).exists():
            raise FileNotFoundError(f"--esc50_dir {root}: {part} is missing; point at the official ESC-50 folder")
    table = root / "meta" / "esc50.csv"
    rows = read_table(table, COLUMNS, whole=("fold",))
    return _make_clips(table, rows, [find_file(root / "audio", row["filename"]) for row in rows])


def _load_hub(dataset_name: str) -> list[Clip]:
    origin = f"--dataset_name {dataset_name}"
    dataset = load_hub_dataset(origin, dataset_name, "train")
    rows = read_text_rows(origin, dataset, COLUMNS, optional=("esc10",))
    check_rows(origin, rows, COLUMNS, whole=("fold",), ids=("src_file",))
    audio = keep_audio_undecoded(origin, dataset).select_columns("audio")
    return _make_clips(origin, rows, [read_audio_cell(row["audio"]) for row in audio])


def _make_clips(origin: object, rows: list[Row], audio: list[Path | bytes | None]) -> list[Clip]:
    labels = clean_labels(origin, [row["category"] for row in rows])
    return [
        Clip(
            name=row["filename"],
            label=label,
            fold=int(row["fold"]),
            recording=str(row["src_file"]).strip(),
            audio=content,
            min_duration_s=DURATION_S - 0.1,
            license="cc-by-3.0" if str(row.get("esc10")) == "True" else LICENSE,
            attribution=f"freesound.org recording {row['src_file']}, in ESC-50 (K. J. Piczak, 2015)",
        )
        for row, label, content in zip(rows, labels, audio, strict=True)
    ]
