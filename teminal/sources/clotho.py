"""Load Clotho, with five captions for each recording (Drossos et al., ICASSP 2020)."""

from teminal.clips import Clip
from teminal.sources import require_folder
from teminal.tables import find_file, read_table

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
    """Load the clips of the official caption tables.

    Args:
        captions_dir: folder with `clotho_captions_{development,validation,evaluation}.csv`, or some of them.
        audio_dir: folder with the recordings, with or without sub-folders `development`, `validation`, `evaluation`.
    """
    hint = "get Clotho from zenodo.org/records/4783391"
    tables = require_folder("--captions_dir", captions_dir, hint)
    recordings = require_folder("--audio_dir", audio_dir, hint)
    clips = []
    for split, part in SPLITS.items():
        path = tables / f"clotho_captions_{part}.csv"
        folder = recordings / part if (recordings / part).is_dir() else recordings
        for row in read_table(path, ("file_name", *CAPTIONS)) if path.is_file() else ():
            name = row["file_name"]
            clip = Clip(
                name=name,
                recording=name,
                audio=find_file(folder, name),
                captions=tuple(row[column] for column in CAPTIONS),
                split=split,
                license=LICENSE,
                attribution=f"{name}, Clotho (Drossos et al., 2020), from freesound.org",
            )
            clips.append(clip)
    if not clips:
        raise FileNotFoundError(f"--captions_dir {tables}: no clotho_captions_*.csv is there; {hint}")
    return clips
