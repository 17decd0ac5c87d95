"""Read rows of datasets on the Hub, whose columns may be of any type."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teminal.files import datasets_folder
from teminal.hub import use_cache_if_hub_is_away
from teminal.tables import Row, check_columns

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load_hub_dataset(
    origin: str, dataset_name: str, split: str | None = None, config: str | None = None
) -> "Dataset | DatasetDict":
    """Load a dataset of a Hub id or a folder, or raise a ValueError that names `origin`; one split, or all."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HTTPError

    try:
        use_cache_if_hub_is_away(dataset_name)
        return load_dataset(dataset_name, config, split=split, cache_dir=datasets_folder())
    except (DatasetsError, HTTPError, OSError, ValueError, TypeError) as error:
        raise ValueError(f"{origin}: {error}") from error


def text_rows(origin: str, dataset: "Dataset", columns: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Read columns, and the optional ones that are there; class numbers become their names."""
    from datasets import ClassLabel

    check_columns(origin, dataset.column_names, columns)
    dataset = dataset.select_columns([*columns, *(name for name in optional if name in dataset.column_names)])
    rows = list(dataset)
    for name, feature in dataset.features.items():
        if isinstance(feature, ClassLabel):
            names = dict(enumerate(feature.names))
            rows = [{**row, name: names.get(row[name])} for row in rows]
    return rows


def with_undecoded_audio(origin: str, dataset: "Dataset") -> "Dataset":
    """Give the dataset with its column `audio`, which must be of type Audio, as [`audio_of_cell`] takes it."""
    from datasets import Audio

    check_columns(origin, dataset.column_names, ("audio",))
    feature = dataset.features["audio"]
    try:
        if isinstance(feature, dict) and not {"bytes", "path"} & set(feature):
            raise TypeError("neither bytes nor path")
        return dataset.cast_column("audio", Audio(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"{origin}: the column audio is {feature}, expected is Audio") from error


def audio_of_cell(cell: dict[str, Any] | None) -> bytes | Path | None:
    """Give the bytes of a file, else its path, else nothing."""
    if not cell:
        return None
    return cell["bytes"] or (Path(cell["path"]) if cell["path"] else None)
