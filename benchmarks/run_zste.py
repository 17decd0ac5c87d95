"""The whole of ZSTE by `eval/run_zste.py` beside the obvious way: transformers' pipeline, scene by scene.

python benchmarks/run_zste.py --esc50_dir ESC-50 --output_json results/bench_run_zste.json

Both score the same checkpoint of random weights, in the size of `configs/esc50_tiny.yaml` or of
laion/clap-htsat-unfused, on scenes of fold 1. Ours: whole processes from start to table, without a cache and with what
the first has left, for several numbers of scenes. The obvious way asks `pipeline("zero-shot-audio-classification")`
for the scores of each audio with the candidates of each question, as its users do; it is timed in this process on a
few scenes, once it is loaded, and its time for all of them is that multiplied.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from our_step import save_checkpoint
from side_by_side import machine
from transformers import pipeline

from teminal.clips import ClipBank, build_bank
from teminal.evaluation.zste_questions import build_examples
from teminal.rendering import render
from teminal.sources import load_clips

ROOT = Path(__file__).parents[1]
FOLD = 1
N_SCENES = {"tiny": [250, 500, 1000], "full": [250]}
OBVIOUS_SCENES = {"tiny": 3, "full": 1}


def ours_s(checkpoint: Path, cache_dir: Path, n_scenes: int, args: argparse.Namespace) -> float:
    """Seconds of the command, from its start to its end."""
    command = [sys.executable, "eval/run_zste.py", "--model_name_or_path", checkpoint, "--esc50_dir", args.esc50_dir]
    command += ["--folds", FOLD, "--n_scenes", n_scenes, "--cache_dir", cache_dir]
    started = time.perf_counter()
    subprocess.run(list(map(str, command)), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def obvious_s(checkpoint: Path, bank: ClipBank, n_scenes: int) -> float:
    """Seconds per scene of the pipeline."""
    examples = build_examples(bank, n_scenes, seed=0)
    asked = pipeline("zero-shot-audio-classification", model=str(checkpoint))
    started = time.perf_counter()
    for example in examples:
        for spec in example.audios:
            (waveform,) = render([spec], bank.loops, bank.raw)
            asked(waveform, candidate_labels=list(example.candidates), hypothesis_template="{}")
    return (time.perf_counter() - started) / n_scenes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esc50_dir", required=True)
    parser.add_argument("--output_json", type=Path)
    args = parser.parse_args()
    bank = build_bank(load_clips("esc50", [FOLD], esc50_dir=args.esc50_dir))  # decoded for all that follows
    results = {"machine": machine(torch.device("cpu")), "load_before": os.getloadavg()}
    for size in N_SCENES:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = Path(folder) / "model"
            save_checkpoint(size, bank, checkpoint)
            per_scene_s = obvious_s(checkpoint, bank, OBVIOUS_SCENES[size])
            results[size] = {"obvious_s_per_scene": per_scene_s, "obvious_scenes": OBVIOUS_SCENES[size]}
            for n_scenes in N_SCENES[size]:
                cache_dir = Path(folder) / f"cache-{n_scenes}"
                cold_s, warm_s = (ours_s(checkpoint, cache_dir, n_scenes, args) for _ in range(2))
                row = {"cold_s": cold_s, "warm_s": warm_s, "cold_over_warm": cold_s / warm_s}
                results[size][n_scenes] = row | {"obvious_over_cold": per_scene_s * n_scenes / cold_s}
                print(size, n_scenes, json.dumps(results[size]), flush=True)
    if args.output_json:
        args.output_json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
