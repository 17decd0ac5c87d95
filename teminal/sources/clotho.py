"""Clotho: five captions for each of its recordings (Drossos et al., ICASSP 2020)."""

from pathlib import Path

from teminal.clips import Clip
from teminal.sources import require_folder
from teminal.table import file_in, read_table

LICENSE = "other"
ATTRIBUTION = (
    "Clotho (K. Drossos, S. Lipping, T. Virtanen, 2020, zenodo.org/records/4783391), recordings of freesound.org; "
    "captions under the Tampere University licence, non-commercial."
)
CITATION = """@inproceedings{drossos2020clotho,
  author = {Drossos, Konstantinos and Lipping, Samuel and Virtanen, Tuomas},
  title = {Clotho: an Audio Captioning Dataset},
  booktitle = {Proceedings of ICASSP},
  pages = {736--740},
  year = {2020},
}"""
REDISTRIBUTABLE = True
CAPTIONS = tuple(f"caption_{i}" for i in range(1, 6))
SPLITS = {"train": "development", "validation": "validation", "test": "evaluation"}


def load(captions_dir: str | None = None, audio_dir: str | None = None) -> list[Clip]:
    """The clips of the official caption tables.

    Args:
        captions_dir: folder with `clotho_captions_{development,validation,evaluation}.csv`, or some of them.
        audio_dir: folder with the recordings, in its sub-folders `development`, `validation` and `evaluation` or not.
    """
    hint = "get Clotho from zenodo.org/records/4783391"
    tables = require_folder("--captions_dir", captions_dir, hint)
    recordings = require_folder("--audio_dir", audio_dir, hint)
    clips = []
    for split, name in SPLITS.items():
        path = tables / f"clotho_captions_{name}.csv"
        if path.is_file():
            folder = recordings / name if (recordings / name).is_dir() else recordings
            clips += [_clip(row, split, folder) for row in read_table(path, ("file_name", *CAPTIONS))]
    if not clips:
        raise FileNotFoundError(f"--captions_dir {tables}: no clotho_captions_*.csv is there; {hint}")
    return clips


def _clip(row: dict[str, str], split: str, folder: Path) -> Clip:
    name = row["file_name"]
    captions = tuple(row[column] for column in CAPTIONS)
    return Clip(
        name,
        "",
        None,
        name,
        file_in(folder, name),
        captions=captions,
        split=split,
        license=LICENSE,
        attribution=f"{name}, Clotho (Drossos et al., 2020), from freesound.org",
    )
