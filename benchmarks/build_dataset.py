"""Build temporal ESC-50 rows side by side with the obvious way: librosa and soundfile, one composition at a time.

python benchmarks/build_dataset.py --esc50_dir ESC-50 --output_json results/bench_build_dataset.json
"""

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import librosa
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from teminal.dataset.rows import row_features
from teminal.sources import load_clips

ROOT = Path(__file__).parents[1]


def obvious_way(esc50_dir: str, n_groups: int, output: Path) -> None:
    """A script that makes each composition by itself: load its clips, cut silence, join or mix, level, encode."""
    clips = load_clips("esc50", [1], esc50_dir=esc50_dir)
    rng = np.random.default_rng(0)
    fade = np.sin(np.linspace(0, np.pi / 2, 2400, dtype=np.float32))
    rows = []
    for number in range(n_groups):
        chosen = rng.choice(len(clips), 2, replace=False)
        for variant in range(4):
            x, y = (load_event(clips[index].audio) for index in chosen)
            if variant == 2:
                x, y = y, x
            if variant in (1, 2):
                scene = np.concatenate([x[:240_000], y[:240_000]])
                scene[240_000:242_400] = scene[240_000:242_400] * fade + x[240_000:242_400] * fade[::-1]
            else:
                scene = x + y if variant == 3 else x
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
    """What is loud in a clip, repeated to 10 s."""
    waveform, _ = librosa.load(path, sr=48_000, mono=True)
    sound = np.concatenate([waveform[start:end] for start, end in librosa.effects.split(waveform, top_db=25)])
    return np.tile(sound, -(-480_000 // len(sound)))[:480_000]


def this_project(esc50_dir: str, n_groups: int, output_dir: Path, num_proc: int) -> dict:
    """Run the builder as people do; wall time, and the peak memory of all its processes together."""
    command = [sys.executable, "dataset_scripts/build_dataset.py", "--source", "esc50", "--esc50_dir", esc50_dir]
    command += ["--output_dir", output_dir, "--n_groups", n_groups, "--num_proc", num_proc]
    started = time.perf_counter()
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.DEVNULL)
    peak = PeakMemory(process.pid)
    if process.wait():
        sys.exit("benchmarks/build_dataset.py: error: the build failed")
    report = json.loads((output_dir / "esc50" / "build_report.json").read_text())
    n_rows = sum(split["rows"] for split in report["splits"].values())
    shutil.rmtree(output_dir)
    time_s = time.perf_counter() - started
    return {
        "n_rows": n_rows,
        "time_s": round(time_s, 1),
        "peak_memory_mb": round(peak.bytes / 1e6),
        "times_real_time_per_core": round(10 * n_rows / time_s / num_proc),
    }


class PeakMemory(threading.Thread):
    """Samples the resident memory of a process and its children, ten times a second."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.process, self.bytes = psutil.Process(pid), 0
        self.start()

    def run(self):
        while self.process.is_running():
            try:
                processes = [self.process, *self.process.children(recursive=True)]
                self.bytes = max(self.bytes, sum(process.memory_info().rss for process in processes))
            except psutil.NoSuchProcess:
                pass
            time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esc50_dir", required=True)
    parser.add_argument("--n_groups", type=int, nargs="+", default=[5000, 10000], help="sizes to build")
    parser.add_argument("--n_obvious", type=int, default=25, help="groups built the obvious way, a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--num_proc", type=int, default=2)
    parser.add_argument("--work_dir", help="where the datasets are built; 13 GB for 5,000 groups")
    parser.add_argument("--output_json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.work_dir) as folder:
        librosa.load(load_clips("esc50", [1], esc50_dir=args.esc50_dir)[0].audio)  # its first call compiles
        sizes, per_row_s = [], []
        for n_groups in args.n_groups:
            for _ in range(args.turns):
                started = time.perf_counter()
                obvious_way(args.esc50_dir, args.n_obvious, Path(folder) / "obvious.parquet")
                per_row_s.append((time.perf_counter() - started) / (4 * args.n_obvious))
            sizes.append(this_project(args.esc50_dir, n_groups, Path(folder) / "out", args.num_proc))
            sizes[-1]["rows_per_s_over_obvious"] = round(
                sizes[-1]["n_rows"] / sizes[-1]["time_s"] * statistics.median(per_row_s), 2
            )
            print(sizes[-1], flush=True)
    result = {
        "obvious_s_per_row": {"median": statistics.median(per_row_s), "turns": per_row_s},
        "sizes": sizes,
        "num_proc": args.num_proc,
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("librosa", "soundfile", "numpy", "torch", "pyarrow")},
    }
    if args.output_json:
        args.output_json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
