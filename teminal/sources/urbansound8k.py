"""Load UrbanSound8K from its official folder (J. Salamon, C. Jacoby, J. P. Bello, ACM MM 2014)."""

from teminal.clips import Clip
from teminal.sources import require_folder
from teminal.tables import clean_labels, find_file, read_table

LICENSE = "cc-by-nc-3.0"
ATTRIBUTION = "UrbanSound8K (J. Salamon, C. Jacoby, J. P. Bello, 2014), recordings of freesound.org, CC BY-NC 3.0."
CITATION = ""
REDISTRIBUTABLE = True


def load(audio_dir: str | None = None) -> list[Clip]:
    """Load the clips of a folder with `metadata/UrbanSound8K.csv` and `audio/fold1` to `audio/fold10`.

    The layout at Kaggle, with the table beside the folds, works too.
    """
    root = require_folder("--audio_dir", audio_dir, "get UrbanSound8K from urbansounddataset.weebly.com")
    table = root / "metadata" / "UrbanSound8K.csv"
    if not table.is_file() and (root / table.name).is_file():
        table = root / table.name
    folds = root if (root / "fold1").is_dir() else root / "audio"
    rows = read_table(table, ("slice_file_name", "fsID", "fold", "class"), whole=("fold",))
    clips = []
    for row, label in zip(rows, clean_labels(table, [row["class"] for row in rows]), strict=True):
        name, recording, fold = row["slice_file_name"], row["fsID"].strip(), int(row["fold"])
        clip = Clip(
            name=name,
            label=label,
            fold=fold,
            recording=recording,
            audio=find_file(folds / f"fold{fold}", name),
            license=LICENSE,
            attribution=f"freesound.org recording {recording}, in UrbanSound8K",
        )
        clips.append(clip)
    return clips
