"""TeminAL's training step beside the loop that people write with transformers alone (`stock_step.py`).

python benchmarks/train_step.py --output_json results/bench_train_step.json --esc50_dir ESC-50

Both sides train the same weights on the same pairs: forward, reversed and overlay of each group with their captions.
The single variant is left out, for the three passes of TACT-like fine-tuning do not have it, and so are the temporal
head, replay and text warm-up. Shared, so not what differs: the bank of decoded clips, what is drawn from it, and
`render_group`. Stock then makes features in the collate function, in the main process (the default) or in as many
workers as ours has, and runs three passes, each with a loss of its own. Ours also augments, contrasts all pairs with
each other and adds the in-group loss. Each side is a process of its own; the lines take turns, each with a new data
loader, so that nobody's workers run in another's turn, and the first step of a turn is not counted. Idle OpenMP
threads sleep and NumPy's BLAS has one thread on both sides, as `train_accelerate.py` sets it.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from unittest import mock

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import psutil
import torch
from our_step import OrderSampler, OurStep, save_checkpoint
from side_by_side import computed_in_hardware, machine, matmul_peak, resident_kb
from stock_step import StockStep
from torch.utils.flop_counter import FlopCounterMode

from modeling_teminal import TeminalFeatureExtractor
from teminal.clips import build_bank
from teminal.processes import keep_freed_memory, own_cores
from teminal.sources import load_clips
from teminal.training.batches import BatchComposer
from teminal.training.config import StageConfig

CASES = ("tiny_fp32", "tiny_bf16", "full_fp32", "full_bf16")
N_GROUPS = {"cpu": {"tiny": 32, "full": 4}, "cuda": {"tiny": 128, "full": 32}}
LEARNING_RATE = {"tiny": 5e-4, "full": 5e-5}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
NUM_WORKERS = max(1, own_cores() - 1)  # as train_accelerate.py
LINES = {"stock": ("stock", 0), "stock_workers": ("stock", NUM_WORKERS), "ours": ("ours", NUM_WORKERS)}
# glibc gives freed memory back and pays for every page again; measured once more with it kept
KEPT_HEAP = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


def read_bank(esc50_dir: str | None):
    source = {"source": "esc50", "esc50_dir": esc50_dir} if esc50_dir else {"source": "synthetic"}
    return build_bank(load_clips(folds=[1], **source))


def serve(connection, whose: str, name: str, checkpoint: Path, args: argparse.Namespace) -> None:
    """One side's process: told a number of workers, it takes a turn; told `None`, it sends its figures and ends."""
    multiprocessing.set_start_method("fork", force=True)  # of data loaders: else they spawn as this process was
    size, _, precision = name.partition("_")
    settings = StageConfig(
        max_train_steps=10**6,
        per_device_train_batch_size=N_GROUPS[args.device.type][size],
        learning_rate=LEARNING_RATE[size],
        in_group_weight=2.0,
    )
    extractor = TeminalFeatureExtractor.from_pretrained(checkpoint)
    sampler = OrderSampler(read_bank(args.esc50_dir))
    composer = BatchComposer(sampler, extractor, "B", settings, seed=0, device=args.device)
    if whose == "ours":
        keep_freed_memory()
        side = OurStep(checkpoint, composer, args.device, precision == "bf16")
    else:
        n_steps = 1 + args.steps + 2 * NUM_WORKERS  # a worker is two batches ahead
        side = StockStep(checkpoint, composer, n_steps, args.device, precision == "bf16")
    before_mb = resident_kb("VmRSS") / 2**10
    for num_workers in iter(connection.recv, None):
        connection.send(turn(side, num_workers, args.steps))
    on_gpu = args.device.type == "cuda"
    peak_mb = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else resident_kb("VmHWM") / 2**10 - before_mb
    figures = {f"{whose}_peak_mb": peak_mb}
    if whose == "ours":
        with FlopCounterMode(display=False) as counter:
            side.training_step.backward(next(side.batches(0)), settings)
        figures["gflop"] = counter.get_total_flops() / 1e9
    connection.send(figures)


def turn(side: StockStep | OurStep, num_workers: int, n_steps: int) -> tuple[float, float, float]:
    """Of a step, which ends with its loss on the CPU: seconds, those spent waiting for the batch, and CPU seconds."""
    batches, waited_s = iter(side.batches(num_workers)), 0.0
    side.step(next(batches))
    processes = [psutil.Process(), *psutil.Process().children()]  # the workers are at work
    start, cpu_start = time.perf_counter(), cpu_seconds(processes)
    for _ in range(n_steps):
        asked = time.perf_counter()
        batch = next(batches)
        waited_s += time.perf_counter() - asked
        side.step(batch)
    cpu_s = cpu_seconds(processes) - cpu_start
    return (time.perf_counter() - start) / n_steps, waited_s / n_steps, cpu_s / n_steps


def cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def measure(name: str, checkpoint: Path, args: argparse.Namespace, environment: dict[str, str]) -> dict:
    """One case: medians and ranges over turns, and our step's FLOPs as a share of the matrix-multiply peak."""
    connections, turns, row = {}, {line: [] for line in LINES}, {}
    spawn = multiprocessing.get_context("spawn")
    with mock.patch.dict(os.environ, environment):
        for whose in ("stock", "ours"):
            connections[whose], theirs = spawn.Pipe()
            spawn.Process(target=serve, args=(theirs, whose, name, checkpoint, args)).start()
            theirs.close()  # so that a process that dies is seen
    for _ in range(args.turns):
        for line, (whose, num_workers) in LINES.items():
            connections[whose].send(num_workers)
            turns[line].append(connections[whose].recv())
    for connection in connections.values():
        connection.send(None)
        row |= connection.recv()

    n_pairs = 3 * N_GROUPS[args.device.type][name.partition("_")[0]]
    row |= {"pairs_per_step": n_pairs, "turns": args.turns, "steps_per_turn": args.steps, "num_workers": NUM_WORKERS}
    for line, runs in turns.items():
        seconds, waited_s, cpu_s = zip(*runs, strict=True)
        row[f"{line}_s"] = statistics.median(seconds)
        row[f"{line}_s_range"] = [min(seconds), max(seconds)]
        row[f"{line}_pairs_per_s"] = n_pairs / row[f"{line}_s"]
        row[f"{line}_waiting_share"] = sum(waited_s) / sum(seconds)
        row[f"{line}_cpu_s"] = statistics.median(cpu_s)
    for line in ("stock", "stock_workers"):
        ratios = [theirs[0] / own[0] for theirs, own in zip(turns[line], turns["ours"], strict=True)]
        row[f"speedup_over_{line}"] = row[f"{line}_s"] / row["ours_s"]
        row[f"speedup_over_{line}_range"] = [min(ratios), max(ratios)]
        row[f"cpu_speedup_over_{line}"] = row[f"{line}_cpu_s"] / row["ours_cpu_s"]  # whatever else the machine does
    row["matmul_peak_gflops"] = matmul_peak(DTYPES[name[-4:]], args.device) / 1e9
    return row | {"ours_share_of_peak": row["gflop"] / row["ours_s"] / row["matmul_peak_gflops"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_json", type=Path)
    parser.add_argument("--esc50_dir", help="compose real clips, of fold 1; else synthetic ones")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--cases", choices=CASES, nargs="+", default=CASES)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of a turn")
    args = parser.parse_args()

    clips = "ESC-50, fold 1" if args.esc50_dir else "synthetic"
    results = {"machine": machine(args.device), "pairs": "forward, reversed and overlay of each group", "clips": clips}
    for name in computed_in_hardware(args.cases, args.device):
        with tempfile.TemporaryDirectory() as folder:
            save_checkpoint(name.partition("_")[0], read_bank(args.esc50_dir), Path(folder))
            row = measure(name, Path(folder), args, {})
            if args.device.type == "cpu":
                row["kept_heap"] = measure(name, Path(folder), args, KEPT_HEAP)
        row["load_average"] = os.getloadavg()
        results[name] = row
        print(name, json.dumps(row), flush=True)
        if args.output_json:
            args.output_json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
