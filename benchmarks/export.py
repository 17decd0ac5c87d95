"""Time embedding on the CPU by torch, and by the export in fp32 and in 8 bits, in turns; weigh all three.

    python benchmarks/export.py --model_name_or_path runs/esc50_tiny --output_json results/bench_export.json

"first_caption_s" is a whole `python` from its start to the embedding of one caption, and "peak_mb" what it takes.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import side_by_side as bench
import torch

from teminal.evaluation.models import AudioTextModel, load
from teminal.evaluation.onnx_export import export_onnx
from teminal.rendering import SAMPLING_RATE

N_CLIPS, CLIP_S, N_CAPTIONS = 16, 10, 128
FIRST_CAPTION = """
import sys, teminal
teminal.load(sys.argv[1]).embed_text(["rain"])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))  # "VmHWM:   123456 kB"
"""
WEIGHED = ("*.safetensors", "*.onnx", "mel_filters.npy", "tokenizer.json")
loaded: AudioTextModel
noise: list[np.ndarray]


def load_side(folder: Path) -> None:
    """Load the model of this process, and make its clips of noise."""
    global loaded, noise
    loaded = load(folder)
    noise = list(np.random.default_rng(0).standard_normal((N_CLIPS, CLIP_S * SAMPLING_RATE), np.float32) / 10)


def embed_clips() -> None:
    """Embed the clips with the model of this process."""
    loaded.embed_audio(noise, SAMPLING_RATE)


def embed_captions() -> None:
    """Embed captions with the model of this process."""
    loaded.embed_text([f"This is a sound of {number} bells before rain." for number in range(N_CAPTIONS)])


CASES = {embed_clips: ("clips_per_s", N_CLIPS), embed_captions: ("captions_per_s", N_CAPTIONS)}


def time_sides(folders: dict[str, Path], turns: int) -> dict[str, dict[str, float]]:
    """Time each side in a process of its own: medians of clips and captions per second."""
    with ExitStack() as stack:
        processes = {name: stack.enter_context(bench.own_process(CUDA_VISIBLE_DEVICES="")) for name in folders}
        for name, process in processes.items():
            process.submit(load_side, folders[name]).result()
        speeds = {name: {} for name in folders}
        for case, (unit, count) in CASES.items():
            cases = {name: partial(call, process, case) for name, process in processes.items()}
            for name, seconds in bench.take_turns(cases, turns).items():
                speeds[name][unit] = count / statistics.median(seconds)
    return speeds


def call(process: ProcessPoolExecutor, case: Callable[[], None]) -> None:
    """Run a case in a process."""
    process.submit(case).result()


def time_first_caption(folder: Path, turns: int) -> dict[str, float]:
    """Time fresh processes from start to first embedding: the median, and the most memory that one took."""
    seconds, peaks_mb = [], []
    for _ in range(turns + 1):
        start = time.perf_counter()
        printed = subprocess.check_output([sys.executable, "-c", FIRST_CAPTION, folder], stderr=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
        peaks_mb.append(int(printed.split()[1]) / 2**10)
    return {"first_caption_s": statistics.median(seconds[1:]), "peak_mb": max(peaks_mb)}


def weigh(folder: Path) -> float:
    """Sum the MB of weights, filters and tokenizer."""
    return sum(file.stat().st_size for pattern in WEIGHED for file in folder.glob(pattern)) / 2**20


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--turns", type=int, default=5, help="measurements of each figure")
    parser.add_argument("--model_name_or_path", type=Path, required=True, help="folder of a checkpoint")
    args = parser.parse_args()
    results: dict = {"machine": bench.describe_machine(torch.device("cpu"))}
    with tempfile.TemporaryDirectory() as temporary:
        folders = {"torch": args.model_name_or_path, "onnx": Path(temporary, "fp32"), "int8": Path(temporary, "int8")}
        export_onnx(str(args.model_name_or_path), folders["onnx"])
        export_onnx(str(args.model_name_or_path), folders["int8"], int8=True)
        for name, speeds in time_sides(folders, args.turns).items():
            first = time_first_caption(folders[name], args.turns)
            results[name] = {**speeds, **first, "mb": weigh(folders[name])}
            print(name, results[name], flush=True)
    bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
