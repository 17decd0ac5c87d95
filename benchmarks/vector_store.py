"""Compare LanceDB with the datasets library and FAISS as the store of an index, on random embeddings.

Each store takes a library in batches as `teminal embed` writes them, then 1 % more, then loses 1 % of the files, and
is searched for the 200 nearest windows with their file and place. FAISS and Arrow files cannot be changed where they
lie, so the library is written anew at each change, as `Dataset.save_to_disk` and `save_faiss_index` do.

    pip install faiss-cpu
    python benchmarks/vector_store.py --output_json results/bench_vector_store.json
"""

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import datasets
import faiss
import numpy as np
import pyarrow as pa
import side_by_side as bench
import torch

from teminal.search.store import FileVersion, Store
from teminal.search.windows import Span

WINDOWS_PER_FILE, FILES_PER_BATCH, N_NEAREST, N_QUERIES = 25, 16, 200, 200


class Lance:
    """The store of `teminal embed`."""

    def __init__(self, folder: Path, dimension: int):
        self.store = Store(folder, dimension)

    def add(self, first_file: int, vectors: np.ndarray) -> None:
        """Add files of `WINDOWS_PER_FILE` windows, (windows, D), a batch at a time."""
        spans = [Span(5.0 * number, 5.0 * number + 10, number == 0) for number in range(WINDOWS_PER_FILE)]
        files = vectors.reshape(-1, WINDOWS_PER_FILE, vectors.shape[1])
        for start in range(0, len(files), FILES_PER_BATCH):
            some = enumerate(files[start : start + FILES_PER_BATCH], start=first_file + start)
            self.store.add([self.store.make_rows(_version(number), str(number), spans, own) for number, own in some])
        self.store.tidy()

    def remove(self, n_files: int) -> None:
        """Remove the first files."""
        self.store.remove(_version(number) for number in range(n_files))
        self.store.tidy()

    def search(self, query: np.ndarray) -> list:
        """Find the nearest windows."""
        return self.store.find_nearest(query, N_NEAREST)


class Faiss:
    """A dataset with an exact index beside it."""

    def __init__(self, folder: Path, dimension: int):
        self.folder, self.dimension, self.version, self.dataset = folder, dimension, 0, None

    def add(self, first_file: int, vectors: np.ndarray) -> None:
        """Add files of `WINDOWS_PER_FILE` windows, (windows, D), and write everything."""
        place = np.arange(len(vectors)) % WINDOWS_PER_FILE * 5.0
        numbers = first_file + np.arange(len(vectors)) // WINDOWS_PER_FILE
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), self.dimension)
        rows = pa.table({"path": numbers.astype(str), "start_s": place, "end_s": place + 10, "vector": column})
        new = datasets.Dataset(rows)
        self._write(new if self.dataset is None else datasets.concatenate_datasets([self.dataset, new]))

    def remove(self, n_files: int) -> None:
        """Remove the first files, and write everything."""
        self._write(self.dataset.select(range(n_files * WINDOWS_PER_FILE, len(self.dataset))))

    def _write(self, dataset: datasets.Dataset) -> None:
        self.version += 1
        folder = self.folder / str(self.version)
        dataset.save_to_disk(folder)
        self.dataset = datasets.load_from_disk(folder)
        indexed = self.dataset.with_format("numpy")
        indexed.add_faiss_index("vector", metric_type=faiss.METRIC_INNER_PRODUCT)
        indexed.save_faiss_index("vector", folder / "vector.faiss")
        self.indexed = self.dataset.select_columns(["path", "start_s", "end_s"])
        self.indexed.load_faiss_index("vector", folder / "vector.faiss")
        shutil.rmtree(self.folder / str(self.version - 1), ignore_errors=True)

    def search(self, query: np.ndarray) -> dict:
        """Find the nearest windows."""
        return self.indexed.get_nearest_examples("vector", query, k=N_NEAREST).examples


def _version(number: int) -> FileVersion:
    return FileVersion(f"{number}.wav", 1, 1)


def time_call(call: Callable, *arguments: object) -> float:
    """Time a call, in seconds."""
    started = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - started


def measure(name: str, n_windows: int, dimension: int) -> dict[str, float]:
    """Measure a store: seconds of each change, MB on disk, and milliseconds of a query."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((n_windows + n_windows // 100, dimension), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    n_files = n_windows // WINDOWS_PER_FILE
    with tempfile.TemporaryDirectory() as folder:
        store = {"lancedb": Lance, "datasets + faiss": Faiss}[name](Path(folder), dimension)
        row = {
            "add_s": time_call(store.add, 0, vectors[:n_windows]),
            "add_1_percent_s": time_call(store.add, n_files, vectors[n_windows:]),
            "remove_1_percent_s": time_call(store.remove, n_files // 100),
            "disk_mb": sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 2**20,
        }
        store.search(vectors[0])
        times = sorted(time_call(store.search, query) * 1e3 for query in vectors[:N_QUERIES])
        row |= {"query_p50_ms": statistics.median(times), "query_p95_ms": times[int(0.95 * len(times))]}
    return {name: round(value, 3) for name, value in row.items()}


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--n_windows", type=int, nargs="+", default=[100_000, 400_000])
    parser.add_argument("--dimension", type=int, default=128)
    args = parser.parse_args()
    results: dict = {
        "machine": bench.describe_machine(torch.device("cpu")),
        "versions": {"faiss": faiss.__version__, "datasets": datasets.__version__},
        "dimension": args.dimension,
    }
    for n_windows in args.n_windows:
        rows = {}
        for name in ("lancedb", "datasets + faiss"):
            rows[name] = bench.call_in_own_process(measure, name, n_windows // 2500 * 2500, args.dimension)
            print(n_windows, name, rows[name], flush=True)
        results[f"{n_windows} windows"] = rows
        bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
