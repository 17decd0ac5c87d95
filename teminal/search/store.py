"""Keep the embeddings of a folder's files in a LanceDB table, one row per window."""

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import lancedb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from teminal.evaluation.windows import in_batches
from teminal.search.windows import Span

TABLE = "windows"
IN_A_FILTER = 1000  # hashes at most


class FileVersion(NamedTuple):
    """A file as it was when it was embedded: its path within the folder, size in bytes, and time of change."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, folder: Path) -> "FileVersion":
        """Get the version of a file in a folder, or of a broken link itself."""
        stat = path.stat() if path.exists() else path.lstat()
        return cls(path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns)

    def key(self) -> str:
        """Hash it to a text that is safe in a filter."""
        return hashlib.sha256(repr((os.fsencode(self.path), self.size, self.mtime_ns)).encode()).hexdigest()


class Store:
    """The rows of an index: every change of them is there whole or not at all.

    Columns: `path` (bytes, for a name may have any encoding), `size`, `mtime_ns` and `file_key` of a [`FileVersion`];
    `content`, the SHA-256 of the file; `is_whole`, `start_s` and `end_s` of a [`Span`]; `vector` (D,) fp32,
    L2-normalised.

    Args:
        folder: of the table, which is made if it is missing.

    Raises:
        ValueError: the table is damaged.
    """

    def __init__(self, folder: Path, dimension: int):
        self.folder = folder
        self.schema = pa.schema(
            {
                "path": pa.binary(),
                "size": pa.int64(),
                "mtime_ns": pa.int64(),
                "file_key": pa.string(),
                "content": pa.string(),
                "is_whole": pa.bool_(),
                "start_s": pa.float64(),
                "end_s": pa.float64(),
                "vector": pa.list_(pa.float32(), dimension),
            }
        )
        with self._explained():
            database = lancedb.connect(folder, read_consistency_interval=timedelta(0))  # sees what others write
            self.table = database.create_table(TABLE, schema=self.schema, exist_ok=True)

    def __len__(self) -> int:
        with self._explained():
            return self.table.count_rows()

    def files(self) -> dict[FileVersion, str]:
        """Map every file to the SHA-256 of its content."""
        rows = self._where("is_whole", ["path", "size", "mtime_ns", "content"]).to_pylist()
        return {FileVersion(os.fsdecode(row["path"]), row["size"], row["mtime_ns"]): row["content"] for row in rows}

    def whole_files(self) -> tuple[list[str], np.ndarray]:
        """Get the paths of all files, sorted, and their embeddings (files, D)."""
        rows = self._where("is_whole", ["path", "vector"])
        paths = [os.fsdecode(path) for path in rows["path"].to_pylist()]
        order = sorted(range(len(paths)), key=lambda row: paths[row])
        vectors = np.stack(rows["vector"].to_numpy())
        return [paths[row] for row in order], vectors[order]

    def make_rows(self, file: FileVersion, content: str, spans: list[Span], vectors: np.ndarray) -> pa.Table:
        """Make the rows of a file from its windows and their embeddings (windows, D)."""
        columns = {
            "is_whole": [span.is_whole for span in spans],
            "start_s": [span.start_s for span in spans],
            "end_s": [span.end_s for span in spans],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1]),
        }
        return self._of_file(file, content, columns)

    def copy_rows(self, file: FileVersion, content: str) -> pa.Table:
        """Make the rows of a file from those of another one of the same content."""
        rows = self._where(f"content = '{content}'", ["file_key", "is_whole", "start_s", "end_s", "vector"])
        of_first = rows.filter(pc.equal(rows["file_key"], rows["file_key"][0]))
        return self._of_file(file, content, of_first.drop(["file_key"]).to_pydict())

    def add(self, rows: Iterable[pa.Table]) -> None:
        """Add rows in one step."""
        with self._explained("written", OSError):
            self.table.add(pa.concat_tables(rows))

    def remove(self, files: Iterable[FileVersion]) -> None:
        """Remove the rows of files."""
        for some in in_batches(files, IN_A_FILTER):
            keys = ", ".join(f"'{file.key()}'" for file in some)
            with self._explained("written", OSError):
                self.table.delete(f"file_key IN ({keys})")

    def tidy(self) -> None:
        """Join what was added in steps, for speed, and give the disk what was replaced."""
        with warnings.catch_warnings(), self._explained("written", OSError):
            warnings.simplefilter("ignore", UserWarning)  # readers of the version before: ours read the latest
            self.table.optimize(cleanup_older_than=timedelta(0))

    def find_nearest(self, vector: np.ndarray, n_rows: int) -> list[dict]:
        """Find the rows with the highest cosines to a vector (D,): `path`, `start_s`, `end_s`, `score`, best first."""
        with self._explained():
            search: Any = self.table.search(vector)
            search = search.distance_type("dot").limit(n_rows).select(["path", "start_s", "end_s", "_distance"])
            rows = search.to_arrow().to_pylist()
        return [{**row, "path": os.fsdecode(row["path"]), "score": 1 - row["_distance"]} for row in rows]

    def _where(self, condition: str, columns: list[str]) -> pa.Table:
        with self._explained():
            return self.table.search().where(condition).select(columns).limit(None).to_arrow()

    @contextmanager
    def _explained(self, done: str = "read", kind: type[Exception] = ValueError) -> Iterator[None]:
        """Name the index in errors of LanceDB."""
        try:
            yield
        except Exception as error:  # it raises many kinds
            reason = str(error).split("\n")[0]
            raise kind(
                f"{self.folder}: the index is damaged or busy, it cannot be {done}: {reason}; try again when no other "
                "`teminal embed` is at work, else delete it and make it again"
            ) from error

    def _of_file(self, file: FileVersion, content: str, columns: dict) -> pa.Table:
        n_rows = len(columns["is_whole"])
        same = {
            "path": [os.fsencode(file.path)] * n_rows,
            "size": [file.size] * n_rows,
            "mtime_ns": [file.mtime_ns] * n_rows,
            "file_key": [file.key()] * n_rows,
            "content": [content] * n_rows,
        }
        return pa.table({**same, **columns}, schema=self.schema)
