"""Kill a training at random moments, resume it each time: are the weights those of the run that was never killed?

python benchmarks/kill_training.py --config configs/quickstart.yaml --max_train_steps 60 --save_steps 7 \
    --kills 20 --output_json results/kill_training.json
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


def start(recipe_flags: list[str], output_dir: Path) -> subprocess.Popen:
    command = [sys.executable, "train_accelerate.py", *recipe_flags, "--output_dir", str(output_dir)]
    command += ["--resume_from_checkpoint", "latest"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def run_whole(recipe_flags: list[str], output_dir: Path) -> float:
    """Seconds that an undisturbed run takes."""
    started = time.perf_counter()
    process = start(recipe_flags, output_dir)
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(errors[-2000:])
    return time.perf_counter() - started


def run_killed(recipe_flags: list[str], output_dir: Path, longest_s: float, kills: int, seed: int) -> list[dict]:
    """Kill `kills` times, each after a random part of `longest_s`, then let it end: when, and where it was by then."""
    rng, done = random.Random(seed), []
    while len(done) < kills:
        process = start(recipe_flags, output_dir)
        after_s = rng.uniform(0, longest_s)
        try:
            _, errors = process.communicate(timeout=after_s)
            if process.returncode:
                sys.exit(errors[-2000:])
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        steps = [int(path.name.split("-")[1]) for path in output_dir.glob("checkpoint-*")]
        done.append({"after_s": round(after_s, 2), "last_checkpoint": max(steps, default=0)})
    run_whole(recipe_flags, output_dir)
    return done


def weights_sha256(output_dir: Path) -> str:
    return hashlib.sha256((output_dir / "model.safetensors").read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest_s", type=float, default=40.0, help="a run is killed by then; a start takes 15 s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output_json", type=Path)
    args, recipe_flags = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        whole_s = run_whole(recipe_flags, whole)
        kills = run_killed(recipe_flags, killed, args.longest_s, args.kills, args.seed)
        hashes = [weights_sha256(output_dir) for output_dir in (whole, killed)]
    result = {
        "same_weights": hashes[0] == hashes[1],
        "n_kills": len(kills),
        "kills": kills,
        "undisturbed_s": round(whole_s, 1),
        "recipe": recipe_flags,
        "sha256": hashes,
    }
    print(json.dumps(result))
    if len(kills) < args.kills:
        sys.exit(f"benchmarks/kill_training.py: it ended after {len(kills)} kills; give it more --max_train_steps")
    if args.output_json:
        args.output_json.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(0 if result["same_weights"] else "benchmarks/kill_training.py: the weights differ")


if __name__ == "__main__":
    main()
