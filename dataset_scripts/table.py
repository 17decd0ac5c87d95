"""Read the tables that sources come with; a damaged one is named, with its row."""

import csv
import re
from pathlib import Path


def read_table(path: Path, columns: tuple[str, ...], whole: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """The rows of a CSV file, checked as `check_rows` does.

    Raises:
        ValueError, OSError: the file is missing, no table or damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV table: {error}") from error
    if not rows:
        raise ValueError(f"{path}: the table has no rows")
    check_columns(path, rows[0], columns)
    check_rows(path, rows, columns, whole)
    return rows


def check_rows(origin, rows: list[dict], columns: tuple[str, ...], whole: tuple[str, ...] = ()) -> None:
    """Every row has a value in each of `columns`, and whole numbers of at most six digits in `whole`."""
    for number, row in enumerate(rows, start=1):
        values = {name: row[name] for name in columns}
        filled = all(value is not None and str(value).strip() for value in values.values())
        if not filled or not all(re.fullmatch("[0-9]{1,6}", str(row[name])) for name in whole):
            raise ValueError(f"{origin}: row {number} is damaged: {values}")


def check_columns(origin, present, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in present]
    if missing:
        raise ValueError(f"{origin}: no column {', '.join(missing)}; expected are {', '.join(columns)}")


def file_in(folder: Path, name: str) -> Path:
    """`folder / name`, or its sibling in another format: tables say .wav even of a folder turned into Ogg.

    Raises:
        ValueError: the name leads out of the folder.
    """
    if not name or Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise ValueError(f"file name {name!r} leads out of {folder}")
    path = folder / name
    siblings = (path.with_suffix(suffix) for suffix in (".wav", ".ogg", ".flac", ".mp3"))
    return path if path.exists() else next((sibling for sibling in siblings if sibling.exists()), path)
