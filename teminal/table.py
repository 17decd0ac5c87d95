"""Read the tables that sources come with: strictly, so that one of another structure is refused with its line."""

import csv
import logging
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from teminal.find_audio import files_by_name, plain_name


def read_table(
    path: Path, columns: tuple[str, ...], whole: tuple[str, ...] = (), twice: tuple[str, ...] = ()
) -> list[dict[str, str]]:
    """The rows of a CSV file, each field in one line; empty lines are left out.

    Args:
        columns, whole: see [`check_rows`].
        twice: columns that may be there a second time, which is then called "NAME.1", as pandas does.

    Raises:
        ValueError, OSError: the file is missing, no table or damaged; naming the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    with open(path, newline="", encoding="utf-8-sig") as file:
        lines = list(_lines(path, file))
    if len(lines) < 2:
        raise ValueError(f"{path}: the table has no rows")
    header = [name.strip() for name in lines[0][1]]
    for number, name in enumerate(header):
        if name and name in header[:number]:
            if name not in twice or f"{name}.1" in header:
                raise ValueError(f"{path}: two columns are named {name}")
            header[number] = f"{name}.1"
    check_columns(path, header, columns)
    rows = []
    for number, fields in lines[1:]:
        if len(fields) != len(header):
            raise ValueError(
                f"{path}: line {number} has {len(fields)} fields and the header {len(header)}; "
                "put quotes around a field that holds a comma"
            )
        rows.append(dict(zip(header, fields, strict=True)))
        _check_row(f"{path}: line {number}", rows[-1], columns, whole)
    return rows


def _lines(path: Path, file) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of each line that is not empty."""
    reader, number = csv.reader(file, strict=True), 1
    try:
        for fields in reader:
            if reader.line_num > number:
                raise csv.Error("a field goes on in the next line")
            if "".join(fields).strip():
                yield number, fields
            number += 1
    except csv.Error as error:
        cure = "close every quote, write a quote inside quotes twice, and no field over several lines"
        raise ValueError(f"{path}: line {number}: {error}; {cure}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a CSV table in UTF-8: {error}") from error


def check_rows(
    origin, rows: list[dict], columns: tuple[str, ...], whole: tuple[str, ...] = (), ids: tuple[str, ...] = ()
) -> None:
    """Every row has text in each of `columns`, but for whole numbers of at most six digits in `whole`, and text or
    whole numbers in `ids`.

    Raises:
        ValueError: naming `origin`, the row and the value.
    """
    for number, row in enumerate(rows, start=1):
        _check_row(f"{origin}: row {number}", row, columns, whole, ids)


def _check_row(where: str, row: dict, columns: tuple, whole: tuple = (), ids: tuple = ()) -> None:
    for name in (*columns, *whole):
        value = row[name]
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if name in whole:
            fits = (is_number or isinstance(value, str)) and re.fullmatch("[0-9]{1,6}", str(value).strip())
        else:
            fits = (is_number and name in ids) or (isinstance(value, str) and value.strip())
        if not fits:
            shown = "empty" if value is None or value == "" else repr(value)
            shown = shown if len(shown) < 80 else f"{shown[:80]} ..."
            expected = "a whole number of at most six digits" if name in whole else "text"
            raise ValueError(f"{where} is damaged: {name} is {shown}, expected is {expected}")


def check_columns(origin, present, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in present]
    if missing:
        raise ValueError(f"{origin}: no column {', '.join(missing)}; expected are {', '.join(columns)}")


def file_in(folder: Path, name: str) -> Path:
    """`folder / name`, or the file that is meant where there is none of this very name: tables say .wav even of a
    folder turned into Ogg, lose spaces around names, and spell accents in one code or two (NFC, NFD).

    Raises:
        ValueError: the name leads out of the folder.
    """
    if not name or Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
        raise ValueError(f"file name {name!r} leads out of {folder}")
    path = folder / name
    if path.exists():
        return path
    spellings = [folder / unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    parents = [spelling.parent for spelling in spellings if spelling.parent.is_dir()]
    named = _files_by_name(parents[0], parents[0].stat().st_mtime_ns) if parents else {}
    return named.get(plain_name(path.stem), path)


@lru_cache(maxsize=32)
def _files_by_name(folder: Path, mtime_ns: int) -> dict[str, Path]:
    """[`files_by_name`] of a folder without those below, as long as it stays as it is."""
    return files_by_name(folder, folder.iterdir())


logger = logging.getLogger("teminal")


def clean_labels(origin, labels: list[str]) -> list[str]:
    """Labels without spaces around them; those that differ in case or separators alone are warned of."""
    cleaned = [unicodedata.normalize("NFC", label).strip() for label in labels]
    spellings = {}
    for label in sorted(set(cleaned)):
        spellings.setdefault(re.sub(r"[\s_-]+", " ", label).casefold(), []).append(label)
    for alike in spellings.values():
        if len(alike) > 1:
            logger.warning("%s: %s count as different classes", origin, " and ".join(map(repr, alike)))
    return cleaned
