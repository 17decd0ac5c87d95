"""Rows of datasets of the Hub, whose columns may be of any type."""

from pathlib import Path

from teminal.files import datasets_folder
from teminal.hub import use_cache_if_hub_is_away
from teminal.table import check_columns


def load_hub_dataset(origin: str, dataset_name: str, split: str | None = None, config: str | None = None):
    """[`datasets.load_dataset`] of a Hub id or a folder, one split or all, of its default config or another.

    Raises:
        ValueError: it cannot be loaded; naming `origin`.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError
    from huggingface_hub.errors import HTTPError

    try:
        use_cache_if_hub_is_away(dataset_name)
        return load_dataset(dataset_name, config, split=split, cache_dir=datasets_folder())
    except (DatasetsError, HTTPError, OSError, ValueError, TypeError) as error:
        raise ValueError(f"{origin}: {error}") from error


def text_rows(origin: str, dataset, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> list[dict]:
    """The rows of these columns, and of the optional ones that are there; class numbers become their names.

    Raises:
        ValueError: a column is missing.
    """
    from datasets import ClassLabel

    check_columns(origin, dataset.column_names, columns)
    chosen = [*columns, *(name for name in optional if name in dataset.column_names)]
    dataset = dataset.select_columns(chosen)
    rows = list(dataset)
    for name in chosen:
        feature = dataset.features[name]
        if isinstance(feature, ClassLabel):
            rows = [{**row, name: _class_name(feature, row[name])} for row in rows]
    return rows


def _class_name(feature, number: int | None) -> str | None:
    return None if number is None or number < 0 else feature.int2str(number)


def with_undecoded_audio(origin: str, dataset):
    """The dataset with its column `audio` as [`audio_of`] takes it.

    Raises:
        ValueError: the column is missing, or not of type Audio.
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


def audio_of(cell: dict | None) -> bytes | Path | None:
    """The bytes of a file, else its path, else nothing."""
    if not cell:
        return None
    return cell["bytes"] or (Path(cell["path"]) if cell["path"] else None)


def captions_of(where: str, value) -> tuple[str, ...]:
    """The captions in a cell: one text or several.

    Raises:
        ValueError: it holds something else, or an empty one; naming `where`.
    """
    captions = [value] if value is None or isinstance(value, str) else value
    if not isinstance(captions, list) or not all(caption is None or isinstance(caption, str) for caption in captions):
        raise ValueError(f"{where}: its caption is {repr(value)[:80]}, expected is text or a list of texts")
    if not captions or not all(caption and caption.strip() for caption in captions):
        raise ValueError(f"{where} has an empty caption: drop the row or write one")
    return tuple(captions)
