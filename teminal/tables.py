"""Read CSV tables of sources, and refuse damaged ones with the number of the line or row."""

import csv
import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from teminal.audio import map_files_by_name, normalize_name

Row = dict[str, Any]
logger = logging.getLogger("teminal")


def read_table(path: Path, columns: Sequence[str], whole: Sequence[str] = (), twice: Sequence[str] = ()) -> list[Row]:
    """Read the rows of a CSV file, except empty ones.

    Args:
        columns, whole: see [`check_rows`].
        twice: columns that may occur twice; the second is renamed NAME.1, as in pandas.

    Raises:
        ValueError, OSError: the file is missing, not a CSV table or damaged; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    rows, n_read = [], 1  # lines
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            for number, name in enumerate(names):
                if name and name in names[:number]:
                    if name not in twice or f"{name}.1" in names:
                        raise ValueError(f"{path}: two columns are named {name}")
                    names[number] = f"{name}.1"
            reader.fieldnames = names
            if names:
                check_columns(path, names, columns)
            for row in reader:
                if any("\n" in field for field in row.values() if isinstance(field, str)):
                    raise csv.Error("a field goes on in the next line")
                n_read = reader.line_num
                if None in row or None in row.values():
                    raise ValueError(
                        f"{path}: line {n_read} has more or fewer fields than the header; "
                        "put quotes around a field that holds a comma"
                    )
                if any(value.strip() for value in row.values()):
                    _check_row(f"{path}: line {n_read}", row, columns, whole)
                    rows.append(row)
    except csv.Error as error:
        cure = "close every quote, write a quote inside quotes twice, and no field over several lines"
        raise ValueError(f"{path}: line {n_read + 1}: {error}; {cure}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a CSV table in UTF-8: {error}") from error
    if not rows:
        raise ValueError(f"{path}: the table has no rows")
    return rows


def check_rows(
    origin: object, rows: list[Row], columns: Sequence[str], whole: Sequence[str] = (), ids: Sequence[str] = ()
) -> None:
    """Check the values of rows.

    Raises:
        ValueError: a value in `columns` is not text, one in `whole` not a whole number of at most six digits, or one
            in `ids` neither text nor a whole number.
    """
    for number, row in enumerate(rows, start=1):
        _check_row(f"{origin}: row {number}", row, columns, whole, ids)


def _check_row(where: str, row: Row, columns: Sequence[str], whole: Sequence[str], ids: Sequence[str] = ()) -> None:
    for name in (*columns, *whole):
        value = row[name]
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if name in whole:
            fits = (is_number or isinstance(value, str)) and bool(re.fullmatch("[0-9]{1,6}", str(value).strip()))
        else:
            fits = (is_number and name in ids) or (isinstance(value, str) and bool(value.strip()))
        if not fits:
            shown = "empty" if value in (None, "") else repr(value)
            shown = shown if len(shown) < 80 else f"{shown[:80]} ..."
            expected = "a whole number of at most six digits" if name in whole else "text"
            raise ValueError(f"{where} is damaged: {name} is {shown}, expected is {expected}")


def check_columns(origin: object, present: Iterable[str], columns: Sequence[str]) -> None:
    """Raise a ValueError that lists the missing columns, if any."""
    if missing := sorted(set(columns) - set(present), key=columns.index):
        raise ValueError(f"{origin}: no column {', '.join(missing)}; expected are {', '.join(columns)}")


def read_captions(where: str, value: object) -> tuple[str, ...]:
    """Read the captions of a cell: one text or a list of texts, none empty."""
    captions = [value] if value is None or isinstance(value, str) else value
    if not isinstance(captions, list) or not all(caption is None or isinstance(caption, str) for caption in captions):
        raise ValueError(f"{where}: its caption is {repr(value)[:80]}, expected is text or a list of texts")
    if not captions or not all(caption and caption.strip() for caption in captions):
        raise ValueError(f"{where} has an empty caption: drop the row or write one")
    return tuple(captions)


def find_file(folder: Path, name: str) -> Path:
    """Return `folder / name`, or a file whose name differs only in suffix, outer spaces or accent coding (NFC, NFD).

    Raises:
        ValueError: the name points outside the folder.
    """
    if not name or Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise ValueError(f"file name {name!r} leads out of {folder}")
    path = folder / name
    if path.exists():
        return path
    for form in ("NFC", "NFD"):
        parent = (folder / unicodedata.normalize(form, name)).parent
        if parent.is_dir():
            return _list_by_name(parent, parent.stat().st_mtime_ns).get(normalize_name(path.stem), path)
    return path


@lru_cache(maxsize=32)
def _list_by_name(folder: Path, mtime_ns: int) -> dict[str, Path]:
    """Call [`map_files_by_name`] for a folder without sub-folders; cached until the folder changes."""
    return map_files_by_name(folder, folder.iterdir())


def clean_labels(origin: object, labels: list[str]) -> list[str]:
    """Strip spaces around labels, and warn of labels that differ only in case or separators."""
    cleaned = [unicodedata.normalize("NFC", label).strip() for label in labels]
    spellings: dict[str, list[str]] = {}
    for label in sorted(set(cleaned)):
        spellings.setdefault(re.sub(r"[\s_-]+", " ", label).casefold(), []).append(label)
    for alike in spellings.values():
        if len(alike) > 1:
            logger.warning("%s: %s count as different classes", origin, " and ".join(map(repr, alike)))
    return cleaned
