"""Time the whole of ZSTE by `eval/run_zste.py` beside the obvious way: transformers' pipeline, scene by scene.

python benchmarks/run_zste.py --esc50_dir ESC-50 --output_json results/bench_run_zste.json

Both score the same checkpoint of random weights, in two sizes, on scenes of fold 1. Ours: the whole command, first
without a cache and then with what the first run has left. The obvious way asks
`pipeline("zero-shot-audio-classification")` for the scores of each audio with the candidates of each question; it is
timed on a few scenes, once it is loaded, and multiplied.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import side_by_side as bench
import torch
from transformers import pipeline

from teminal.clips import ClipBank, build_bank
from teminal.evaluation.zste_questions import build_examples
from teminal.rendering import render
from teminal.sources import load_clips

N_SCENES = {"tiny": [250, 500, 1000], "full": [250]}
OBVIOUS_SCENES = {"tiny": 4, "full": 4}  # task 6 is asked of every fourth


def time_command(checkpoint: Path, cache_dir: Path, n_scenes: int, esc50_dir: str) -> float:
    """Return the seconds of the command, from its start to its end."""
    command = [sys.executable, "eval/run_zste.py", "--model_name_or_path", checkpoint, "--esc50_dir", esc50_dir]
    command += ["--folds", "1", "--n_scenes", str(n_scenes), "--cache_dir", cache_dir]
    started = time.perf_counter()
    subprocess.run(command, cwd=bench.ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def time_pipeline(checkpoint: Path, bank: ClipBank, n_scenes: int) -> float:
    """Return the seconds per scene of the pipeline."""
    examples = build_examples(bank, n_scenes, seed=0)
    classify = pipeline("zero-shot-audio-classification", model=str(checkpoint))
    started = time.perf_counter()
    for example in examples:
        for composition in example.audios:
            (waveform,) = render([composition], bank.loops, bank.raw)
            classify(waveform, candidate_labels=list(example.candidates), hypothesis_template="{}")
    return (time.perf_counter() - started) / n_scenes


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--esc50_dir", required=True)
    args = parser.parse_args()
    bank = build_bank(load_clips("esc50", [1], esc50_dir=args.esc50_dir))  # decoded once for all that follows
    results = {"machine": bench.describe_machine(torch.device("cpu")), "load_before": os.getloadavg()}
    for size, sizes in N_SCENES.items():
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "model"
            bench.save_checkpoint(size, bank, checkpoint)
            per_scene_s = time_pipeline(checkpoint, bank, OBVIOUS_SCENES[size])
            results[size] = {"obvious_s_per_scene": per_scene_s, "obvious_scenes": OBVIOUS_SCENES[size]}
            for n_scenes in sizes:
                cache_dir = Path(folder) / f"cache-{n_scenes}"
                cold_s, warm_s = (time_command(checkpoint, cache_dir, n_scenes, args.esc50_dir) for _ in range(2))
                row = {"cold_s": cold_s, "warm_s": warm_s, "cold_over_warm": cold_s / warm_s}
                results[size][n_scenes] = row | {"obvious_over_cold": per_scene_s * n_scenes / cold_s}
                print(size, n_scenes, json.dumps(results[size]), flush=True)
    bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
