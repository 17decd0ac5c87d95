"""What is said of a folder of sounds in metadata.csv, .jsonl or .parquet, as `datasets`' audiofolder takes it."""

import json
from pathlib import Path

from teminal.table import check_columns, check_rows, read_table

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SAID = ("label", "caption", "captions")
WHOLE, CREDITS = ("fold",), ("license", "attribution")
COLUMNS = ("file_name", *SAID, *WHOLE, "split", "recording", *CREDITS)
LIST = 'list of texts such as ["A dog barks", "A dog"]'
SPLIT_OF = {  # the names that `datasets` knows
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


def read_metadata(path: Path) -> list[dict]:
    """The rows of a metadata file, with those of `COLUMNS` that it has; `captions` is a list where it is there.

    Raises:
        ValueError, OSError: it is damaged, says too little or too much, or a value is of another type.
    """
    rows = {".csv": _from_csv, ".jsonl": _from_jsonl, ".parquet": _from_parquet}[path.suffix](path)
    if not rows:
        raise ValueError(f"{path}: the table has no rows")
    columns = [name for name in COLUMNS if any(name in row for row in rows)]
    check_columns(path, columns, ("file_name",))
    said = [name for name in SAID if name in columns]
    if len(said) > 1:
        raise ValueError(f"{path}: columns {' and '.join(said)}: clips have a class or captions, so keep one of them")
    if {"fold", "split"} <= set(columns):
        raise ValueError(f"{path}: columns fold and split: keep the one that training and test clips go by")
    rows = [{name: row.get(name) for name in columns} for row in rows]
    needed = tuple(name for name in columns if name not in ("captions", *CREDITS, *WHOLE))
    check_rows(path, rows, needed, whole=tuple(name for name in WHOLE if name in columns), ids=("recording",))
    for number, row in enumerate(rows, start=1):
        _check_row(f"{path}: row {number}", row)
    return rows


def _check_row(where: str, row: dict) -> None:
    for name in CREDITS:
        if not isinstance(row.get(name), str | None):
            raise ValueError(f"{where}: {name} {row[name]!r} is no text")
    if "captions" in row:
        captions = row["captions"]
        if not (isinstance(captions, list) and captions and all(isinstance(text, str) for text in captions)):
            raise ValueError(f"{where}: captions {captions!r} is no {LIST}")
        if not all(text.strip() for text in captions):
            raise ValueError(f"{where}: one of its captions is empty")
    if "split" in row and row["split"].strip() not in SPLIT_OF:
        raise ValueError(f"{where}: split {row['split']!r}: choose of {', '.join(SPLIT_OF)}")


def _from_csv(path: Path) -> list[dict]:
    rows = read_table(path, ("file_name",))
    for number, row in enumerate(rows, start=1):
        if "captions" in row:
            try:
                row["captions"] = json.loads(row["captions"])
            except ValueError as error:
                what = f"captions {row['captions']!r} is no {LIST}"
                raise ValueError(f"{path}: row {number}: {what}, in JSON: {error}") from error
    return rows


def _from_jsonl(path: Path) -> list[dict]:
    rows = []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}: line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"{path}: line {number} is no JSON object")
        rows.append(row)
    return rows


def _from_parquet(path: Path) -> list[dict]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        known = [name for name in COLUMNS if name in file.schema_arrow.names]
        return file.read(known).to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"{path}: damaged: {error}") from error
