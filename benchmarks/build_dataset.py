"""Build temporal ESC-50 rows beside the obvious way: librosa and soundfile, one composition at a time.

python benchmarks/build_dataset.py --esc50_dir ESC-50 --output_json results/bench_build_dataset.json

The datasets are built in a temporary folder (of `TMPDIR`), which takes 13 GB for 5,000 groups.
"""

import json
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import librosa
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import side_by_side as bench
import soundfile
import torch

from teminal.dataset.rows import row_features
from teminal.sources import load_clips

OBVIOUS_GROUPS, TURNS, NUM_PROC = 25, 3, 2


def build_obvious_way(esc50_dir: str, output: Path) -> None:
    """Make each composition by itself, as a script would: load its clips, cut silence, join or mix, level, encode."""
    clips = load_clips("esc50", [1], esc50_dir=esc50_dir)
    rng = np.random.default_rng(0)
    fade = np.sin(np.linspace(0, np.pi / 2, 2400, dtype=np.float32))
    rows = []
    for number in range(OBVIOUS_GROUPS):
        chosen = rng.choice(len(clips), 2, replace=False)
        for variant in ("single", "forward", "reversed", "overlay"):
            x, y = (load_event(clips[index].audio) for index in chosen)
            if variant == "reversed":
                x, y = y, x
            if variant in ("forward", "reversed"):
                scene = np.concatenate([x[:240_000], y[:240_000]])
                scene[240_000:242_400] = scene[240_000:242_400] * fade + x[240_000:242_400] * fade[::-1]
            else:
                scene = x + y if variant == "overlay" else x
            for _ in range(50):
                scene = scene * (0.1 / np.sqrt(np.mean(scene**2)))
                if np.abs(scene).max() <= 0.4:
                    break
                scene = np.clip(scene, -0.4, 0.4)
            file = BytesIO()
            soundfile.write(file, scene, 48_000, format="FLAC", subtype="PCM_16")
            row = dict.fromkeys(row_features(includes_audio=True))
            rows.append({**row, "audio": {"bytes": file.getvalue(), "path": f"{number}-{variant}.flac"}})
    pq.write_table(pa.Table.from_pylist(rows, row_features(includes_audio=True).arrow_schema), output)


def load_event(path: Path) -> np.ndarray:
    """Load what is loud in a clip, repeated to 10 s."""
    waveform, _ = librosa.load(path, sr=48_000, mono=True)
    sound = np.concatenate([waveform[start:end] for start, end in librosa.effects.split(waveform, top_db=25)])
    return np.tile(sound, -(-480_000 // len(sound)))[:480_000]


def measure_command(esc50_dir: str, n_groups: int, output_dir: Path) -> dict:
    """Run the builder as people do; sample the memory of all its processes together ten times a second."""
    command = [sys.executable, "dataset_scripts/build_dataset.py", "--source", "esc50", "--esc50_dir", esc50_dir]
    command += ["--output_dir", output_dir, "--n_groups", str(n_groups), "--num_proc", str(NUM_PROC)]
    command += ["--free_layout_share", "0", "--four_event_share", "0"]  # ten seconds a row
    started, peak = time.perf_counter(), 0
    process = psutil.Popen(command, cwd=bench.ROOT)
    while process.poll() is None:
        try:
            processes = [process, *process.children(recursive=True)]
            peak = max(peak, sum(process.memory_info().rss for process in processes))
        except psutil.NoSuchProcess:  # one has just ended
            pass
        time.sleep(0.1)
    time_s = time.perf_counter() - started
    if process.returncode:
        sys.exit("benchmarks/build_dataset.py: error: the build failed")
    report = json.loads((output_dir / "esc50" / "build_report.json").read_text())
    n_rows = sum(split["rows"] for split in report["splits"].values())
    return {
        "n_rows": n_rows,
        "time_s": round(time_s, 1),
        "peak_memory_mb": round(peak / 1e6),
        "times_real_time_per_core": round(10 * n_rows / time_s / NUM_PROC),
    }


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--esc50_dir", required=True)
    parser.add_argument("--n_groups", type=int, nargs="+", default=[5000, 10000], help="sizes to build")
    args = parser.parse_args()
    librosa.load(load_clips("esc50", [1], esc50_dir=args.esc50_dir)[0].audio)  # its first call compiles
    sizes, per_row_s = [], []
    for n_groups in args.n_groups:
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(TURNS):
                started = time.perf_counter()
                build_obvious_way(args.esc50_dir, Path(folder) / "obvious.parquet")
                per_row_s.append((time.perf_counter() - started) / (4 * OBVIOUS_GROUPS))
            size = measure_command(args.esc50_dir, n_groups, Path(folder) / "out")
        rows_per_s = size["n_rows"] / size["time_s"]
        sizes.append({**size, "rows_per_s_over_obvious": round(rows_per_s * statistics.median(per_row_s), 2)})
        print(sizes[-1], flush=True)
    results = {
        "obvious_s_per_row": {"median": statistics.median(per_row_s), "turns": per_row_s},
        "sizes": sizes,
        "num_proc": NUM_PROC,
        "machine": bench.describe_machine(torch.device("cpu")),
        "versions": {name: version(name) for name in ("librosa", "soundfile", "numpy", "torch", "pyarrow")},
    }
    bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
