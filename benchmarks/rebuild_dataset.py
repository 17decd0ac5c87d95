"""Build the same dataset on 1 process, on 4, and killed three times at random and resumed: are the bytes the same?

python benchmarks/rebuild_dataset.py --esc50_dir ESC-50 --output_json results/rebuild_dataset.json
"""

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def start(args: argparse.Namespace, output_dir: Path, num_proc: int) -> subprocess.Popen:
    command = [sys.executable, "dataset_scripts/build_dataset.py", "--source", "esc50", "--esc50_dir", args.esc50_dir]
    command += ["--output_dir", output_dir, "--n_groups", args.n_groups, "--num_proc", num_proc]
    return subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.DEVNULL)


def shard_hashes(output_dir: Path) -> dict[str, str]:
    """Shard -> SHA-256, as the report says."""
    report = json.loads((output_dir / "esc50" / "build_report.json").read_text())
    return {shard["file"]: shard["sha256"] for split in report["splits"].values() for shard in split["shards"]}


def build_whole(args: argparse.Namespace, output_dir: Path, num_proc: int) -> dict:
    started = time.perf_counter()
    if start(args, output_dir, num_proc).wait():
        sys.exit("benchmarks/rebuild_dataset.py: error: a build failed")
    return {"num_proc": num_proc, "time_s": round(time.perf_counter() - started, 1)}


def build_killed(args: argparse.Namespace, output_dir: Path, time_s: float, draw: random.Random) -> dict:
    """Kill the build three times at a random moment, then let it finish; how many shards were there each time."""
    finished = []
    for _ in range(3):
        process = start(args, output_dir, 2)
        time.sleep(draw.uniform(0.05, 0.4) * time_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(1)
        finished.append(len(list(output_dir.glob("esc50/t*.parquet")) + list(output_dir.glob("esc50/v*.parquet"))))
    return {**build_whole(args, output_dir, 2), "shards_when_killed": finished}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esc50_dir", required=True)
    parser.add_argument("--n_groups", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0, help="of the moments to kill at")
    parser.add_argument("--work_dir", help="where the datasets are built, one after the other; 13 GB for 5,000 groups")
    parser.add_argument("--output_json", type=Path)
    args = parser.parse_args()
    builds, hashes = {}, {}
    for name in ("four_processes", "killed_three_times", "one_process"):
        with tempfile.TemporaryDirectory(dir=args.work_dir) as folder:
            output_dir = Path(folder) / "out"
            if name == "killed_three_times":
                time_s = builds["four_processes"]["time_s"]
                builds[name] = build_killed(args, output_dir, time_s, random.Random(args.seed))
            else:
                builds[name] = build_whole(args, output_dir, 4 if name == "four_processes" else 1)
            hashes[name] = shard_hashes(output_dir)
        print(name, builds[name], flush=True)
    same = len({json.dumps(found, sort_keys=True) for found in hashes.values()}) == 1
    result = {
        "same_bytes": same,
        "n_shards": len(hashes["one_process"]),
        "sha256_of_hashes": hashlib.sha256(json.dumps(hashes["one_process"], sort_keys=True).encode()).hexdigest(),
        "builds": builds,
    }
    print(result)
    if args.output_json:
        args.output_json.write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(0 if same else "benchmarks/rebuild_dataset.py: the bytes differ")


if __name__ == "__main__":
    main()
