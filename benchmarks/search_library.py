"""Measure `teminal embed` and `teminal search` on a library of `make_library.py`: speed, changes, kills and size.

    python benchmarks/make_library.py --esc50_dir ESC-50 --output_dir library
    python benchmarks/search_library.py --library library --model_name_or_path runs/esc50_tiny \
        --output_json results/search_library.json
"""

import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import side_by_side as bench
import soundfile
import torch
from make_library import Truth, find_pairs, read_truth

from teminal.search.embed import embed_folder
from teminal.search.index import Index
from teminal.search.options import EmbedOptions
from teminal.search.windows import Span

N_QUERIES = 200
N_WINDOWS, AT_ONCE = 100_000, 1000  # that a query is timed on, and are added in one step
EMBED = [sys.executable, "-m", "teminal", "embed"]


def time_embedding(library: Path, model: str, index: Path) -> float:
    """Time an update of the index with the model loaded anew, in this process."""
    started = time.perf_counter()
    embed_folder(EmbedOptions(folder=library, model=model, index=index))
    return time.perf_counter() - started


def measure_indexing(library: Path, truth: Truth, model: str, work: Path) -> dict:
    """Measure the time of a first, an unchanged and a 1 % changed library, and the size of the index."""
    copy, index = work / "library", work / "index"
    shutil.copytree(library, copy)
    duration_s = sum(soundfile.info(copy / name).duration for name in truth)
    first_s, same_s = (time_embedding(copy, model, index) for _ in range(2))
    changed_s, names = 0.0, iter(sorted(truth))
    while changed_s < duration_s / 100:
        name = next(names)
        waveform, rate = soundfile.read(copy / name)
        soundfile.write(copy / name, waveform[::-1], rate)
        changed_s += len(waveform) / rate
    update_s = time_embedding(copy, model, index)
    return {
        "library_h": duration_s / 3600,
        "n_windows": len(Index(index).store),
        "index_mb": sum(file.stat().st_size for file in index.rglob("*") if file.is_file()) / 2**20,
        "first_s": first_s,
        "times_real_time": duration_s / first_s,
        "unchanged_s": same_s,
        "changed_share": changed_s / duration_s,
        "changed_s": update_s,
        "changed_share_of_time": (update_s - same_s) / (first_s - same_s),
    }


def measure_kills(library: Path, model: str, index: Path, work: Path, n_kills: int) -> dict:
    """Kill an embedding again and again, let it end, and compare its rows with those of `index`."""
    killed = work / "killed"
    command = [*EMBED, str(library), "--model", model, "--index", str(killed)]
    rng, done, n_alive = random.Random(0), [], 0
    for _ in range(n_kills):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            for line in iter(process.stderr.readline, ""):
                if "embed" in line:
                    break
            time.sleep(rng.uniform(0.2, 20))
            n_alive += process.poll() is None
            process.send_signal(signal.SIGKILL)
        done.append(len(Index(killed).store.files()) if (killed / "windows.lance").exists() else 0)
    subprocess.run(command, check=True, capture_output=True)
    rows, expected = (
        sorted(
            (os.fsdecode(row["path"]), row["start_s"], row["end_s"])
            for row in Index(path).store.table.to_arrow().to_pylist()
        )
        for path in (killed, index)
    )
    return {
        "kills_while_embedding": n_alive,
        "files_after_each": done,
        "rows_lost": len(set(expected) - set(rows)),
        "rows_doubled": len(rows) - len(set(rows)),
    }


def time_queries(index_path: Path, queries: list[str]) -> dict:
    """Time warm queries of an index that is filled up with random embeddings to `N_WINDOWS`."""
    index = Index(index_path)
    rng, file = np.random.default_rng(0), min(index.store.files())
    for number in range(max(0, N_WINDOWS - len(index.store)) // AT_ONCE):
        starts_s = 5.0 * np.arange(number * AT_ONCE, (number + 1) * AT_ONCE)  # as of a very long file
        spans = [Span(start_s, start_s + 10) for start_s in starts_s.tolist()]
        vectors = rng.standard_normal((AT_ONCE, index.about.dimension), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        index.store.add([index.store.make_rows(file, "random", spans, vectors)])
    index.store.tidy()
    index.search(queries[0])
    times = []
    for query in queries:
        started = time.perf_counter()
        index.search(query)
        times.append((time.perf_counter() - started) * 1e3)
    times.sort()
    return {
        "n_windows": len(index.store),
        "query_p50_ms": statistics.median(times),
        "query_p95_ms": times[int(0.95 * len(times))],
    }


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--library", type=Path, required=True, help="folder of make_library.py")
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--n_kills", type=int, default=10)
    args = parser.parse_args()
    truth, model = read_truth(args.library), args.model_name_or_path
    results: dict = {"machine": bench.describe_machine(torch.device("cpu"))}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        results["indexing"] = measure_indexing(args.library, truth, model, work)
        print(results["indexing"], flush=True)
        results["kills"] = measure_kills(work / "library", model, work / "index", work, args.n_kills)
        print(results["kills"], flush=True)
        queries = [f"{first} before {second}" for first, second in find_pairs(truth)[:N_QUERIES]]
        results["queries"] = time_queries(work / "killed", queries)
        print(results["queries"], flush=True)
        bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
