"""Read metadata.csv, .jsonl or .parquet of a folder of sounds, in the format of `datasets`' audiofolder."""

import json
from pathlib import Path
from typing import Any

from teminal.tables import Row, check_columns, check_rows, read_captions, read_table

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
SAID = ("label", "caption", "captions")
CREDITS = ("license", "attribution")
COLUMNS = ("file_name", *SAID, "fold", "split", "recording", *CREDITS)
SPLIT_OF = {  # the names that `datasets` accepts
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}


def read_metadata(path: Path) -> list[Row]:
    """Read the rows of a metadata file, restricted to `COLUMNS`; a column `caption` is returned as `captions`.

    Raises:
        ValueError, OSError: the file is damaged, a column is missing or contradicts another, or a value is wrong.
    """
    rows = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}[path.suffix](path)
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
    text = [name for name in columns if name not in ("captions", "fold", *CREDITS)]
    check_rows(path, rows, text, whole=[name for name in columns if name == "fold"], ids=("recording",))
    for number, row in enumerate(rows, start=1):
        where = f"{path}: row {number}"
        for name in CREDITS:
            if not isinstance(row.get(name), str | None):
                raise ValueError(f"{where}: {name} {row[name]!r} is no text")
        if said and said[0] != "label":
            row["captions"] = read_captions(where, row.pop(said[0]))
        if "split" in row:
            split = row["split"].strip()
            if split not in SPLIT_OF:
                raise ValueError(f"{where}: split {split!r}: choose of {', '.join(SPLIT_OF)}")
            row["split"] = SPLIT_OF[split]
    return rows


def _read_csv(path: Path) -> list[Row]:
    rows = read_table(path, ("file_name",))
    for number, row in enumerate(rows, start=1):
        if "captions" in row:
            where = f'{path}: row {number}: write captions as a list such as ["A dog barks", "A dog"]:'
            row["captions"] = _parse_json(f"{where} {row['captions']!r}", row["captions"])
    return rows


def _read_jsonl(path: Path) -> list[Row]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            rows.append(_parse_json(f"{path}: line {number}", line))
            if not isinstance(rows[-1], dict):
                raise ValueError(f"{path}: line {number} is no JSON object")
    return rows


def _parse_json(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where} is not JSON: {error}") from error


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        return file.read([name for name in COLUMNS if name in file.schema_arrow.names]).to_pylist()
    except pa.ArrowException as error:
        raise ValueError(f"{path}: damaged: {error}") from error
