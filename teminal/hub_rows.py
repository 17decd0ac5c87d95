"""Load datasets of the Hub or of a folder, and read their columns, which may be of any type."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teminal.files import writable_or_temporary
from teminal.hub import use_cache_if_hub_is_away
from teminal.tables import Row, check_columns

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load_hub_dataset(
    origin: str, dataset_name: str, split: str | None = None, config: str | None = None
) -> "Dataset | DatasetDict":
    """Load one split, or all, of a dataset: a Hub id or a folder.

    Raises:
        ValueError: it cannot be loaded; naming `origin`.
    """
    from datasets import config as settings
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HTTPError

    try:
        use_cache_if_hub_is_away(dataset_name)
        cache_dir = writable_or_temporary(Path(settings.HF_DATASETS_CACHE), "datasets")
        if Path(dataset_name).is_dir():
            cache_dir /= hash_folder(Path(dataset_name))
        return load_dataset(dataset_name, config, split=split, cache_dir=str(cache_dir))
    except (DatasetsError, HTTPError, OSError, ValueError, TypeError) as error:
        raise ValueError(f"{origin}: {error}") from error


def hash_folder(folder: Path) -> str:
    """Hash the path, size and time of each file of a folder.

    `datasets` finds a folder in its cache by its last name and file patterns: one of the same name, or one that was
    built again, would be taken for it.
    """
    stats = [(str(file.resolve()), file.stat()) for file in sorted(folder.rglob("*")) if file.is_file()]
    files = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    return hashlib.sha256(repr(files).encode()).hexdigest()[:32]


def read_text_rows(origin: str, dataset: "Dataset", columns: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Read the columns, and those of `optional` that exist; class numbers become class names."""
    from datasets import ClassLabel

    check_columns(origin, dataset.column_names, columns)
    dataset = dataset.select_columns([*columns, *(name for name in optional if name in dataset.column_names)])
    rows = list(dataset)
    for name, feature in dataset.features.items():
        if isinstance(feature, ClassLabel):
            names = dict(enumerate(feature.names))
            rows = [{**row, name: names.get(row[name])} for row in rows]
    return rows


def keep_audio_undecoded(origin: str, dataset: "Dataset") -> "Dataset":
    """Turn off decoding of the column `audio`, so that [`read_audio_cell`] can read it.

    Raises:
        ValueError: the column is missing or not of type Audio; naming `origin`.
    """
    from datasets import Audio

    check_columns(origin, dataset.column_names, ("audio",))
    feature = dataset.features["audio"]
    try:
        if isinstance(feature, dict) and not {"bytes", "path"} & set(feature):
            raise TypeError("neither bytes nor path")
        return dataset.cast_column("audio", Audio(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{origin}: the column audio is {feature}, expected is Audio") from error


def read_audio_cell(cell: dict[str, Any] | None) -> bytes | Path | None:
    """Get the bytes of an undecoded audio cell, else the path of its file, else `None`."""
    if not cell:
        return None
    return cell["bytes"] or (Path(cell["path"]) if cell["path"] else None)
