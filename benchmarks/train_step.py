"""Compare TeminAL's training step with the loop that people write with transformers alone.

python benchmarks/train_step.py --output_json results/bench_train_step.json --esc50_dir ESC-50

Both train the same weights on the same pairs: forward, reversed and overlay of each group. The single variant is left
out, for TACT-like fine-tuning does not have it, and so are the temporal head, replay and text warm-up. Stock makes
features in the collate function, in the main process (the default) or in workers, and runs three passes, each with a
loss of its own. Ours also augments, contrasts all pairs with each other and adds the in-group loss. Each side is a
process of its own; they take turns, each with a new data loader, so that nobody's workers run in another's turn, and
the first step of a turn is not counted.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # this and the next as train_accelerate.py sets them
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import psutil
import side_by_side as bench
import torch
from accelerate import Accelerator
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from transformers import ClapModel, ClapProcessor

from modeling_teminal import TeminalFeatureExtractor, TeminalModel
from teminal.clips import ClipBank, build_bank
from teminal.processes import count_cores, keep_freed_memory
from teminal.rendering import SAMPLING_RATE, render
from teminal.sampling.layouts import SceneMix
from teminal.sampling.training import Pair, TrainingSampler
from teminal.sources import load_clips
from teminal.training.batches import Batch, BatchComposer, on_device
from teminal.training.config import TrainingConfig
from teminal.training.loading import BatchLoader
from teminal.training.stages import STAGES, StageConfig
from teminal.training.state import StageState
from teminal.training.step import TrainingStep

CASES = ("tiny_fp32", "tiny_bf16", "full_fp32", "full_bf16")
N_GROUPS = {"cpu": {"tiny": 32, "full": 4}, "cuda": {"tiny": 128, "full": 32}}
LEARNING_RATE = {"tiny": 5e-4, "full": 5e-5}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
NUM_WORKERS = max(1, count_cores() - 1)  # as train_accelerate.py
LINES = {"stock": ("stock", 0), "stock_workers": ("stock", NUM_WORKERS), "ours": ("ours", NUM_WORKERS)}


class OrderSampler(TrainingSampler):
    """Stage B's groups without the pair of the single variant."""

    def draw_pairs(self, stage: str, rng: np.random.Generator, number: int, mix: SceneMix) -> list[Pair]:
        return [pair for pair in super().draw_pairs(stage, rng, number, mix) if pair.composition.variant != "single"]


class OurStep:
    """A step of [`teminal.training.loop.Trainer`]."""

    def __init__(self, checkpoint: Path, composer: BatchComposer, n_steps: int, device: torch.device, bf16: bool):
        keep_freed_memory()
        self.composer = composer
        self.config = TrainingConfig(model_name_or_path="clap", mixed_precision="bf16" if bf16 else "no")
        self.accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=self.config.mixed_precision)
        self.model = TeminalModel.from_pretrained(checkpoint).to(device).train()
        self.model.audio_model.audio_encoder.batch_norm.eval()
        tokenizer = ClapProcessor.from_pretrained(checkpoint).tokenizer
        self.training_step = TrainingStep(self.accelerator, self.model, tokenizer, self.config)
        self.state = StageState(self.accelerator, self.model, composer.settings, self.config)

    def batches(self, num_workers: int) -> Iterator[Batch]:
        loader = BatchLoader(self.composer, 0, num_workers)
        try:
            for _ in range(len(self.composer)):
                yield on_device(loader.next(), self.composer.extractor, self.accelerator.device)
        finally:
            loader.close()

    def step(self, batch: Batch) -> float:
        losses = self.training_step.backward(batch, self.composer.settings)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self.state.update()
        return losses["loss"].item()


class StockStep:
    """One forward pass of `ClapModel` and its own loss per variant; AdamW on their sum."""

    def __init__(self, checkpoint: Path, composer: BatchComposer, n_steps: int, device: torch.device, bf16: bool):
        self.bank, self.settings = composer.sampler.bank, composer.settings
        self.model = ClapModel.from_pretrained(checkpoint).to(device).train()
        self.processor = ClapProcessor.from_pretrained(checkpoint)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=self.settings.learning_rate)
        self.device, self.bf16 = device, bf16
        self.groups = []  # those of the composer's first steps
        for step in range(n_steps + 2 * NUM_WORKERS):  # a worker is two batches ahead
            rng = np.random.default_rng([composer.seed, STAGES.index(composer.stage), step])
            self.groups += composer.draw_groups(rng, self.settings.per_device_train_batch_size)

    def collate(self, groups: list[list[Pair]]) -> list[dict[str, torch.Tensor]]:
        """Return the model's inputs for each variant."""
        audio = [
            list(render([pair.composition for pair in group], self.bank.loops, self.bank.raw)) for group in groups
        ]
        inputs = []
        for variant in range(len(groups[0])):
            text = [group[variant].text for group in groups]
            waveforms = [scenes[variant] for scenes in audio]
            options = {"sampling_rate": SAMPLING_RATE, "padding": True, "return_tensors": "pt"}
            inputs.append(self.processor(text=text, audio=waveforms, **options))
        return inputs

    def batches(self, num_workers: int) -> DataLoader:
        size = self.settings.per_device_train_batch_size
        return DataLoader(self.groups, size, collate_fn=self.collate, num_workers=num_workers)

    def step(self, batch: list[dict[str, torch.Tensor]]) -> float:
        self.optimizer.zero_grad()
        loss = 0.0
        for inputs in batch:
            inputs = {name: value.to(self.device) for name, value in inputs.items()}
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                loss = loss + self.model(**inputs, return_loss=True).loss
        loss.backward()
        clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


@dataclass(frozen=True)
class Side:
    """What the process of one side measures."""

    name: str
    case: str
    checkpoint: Path
    device: torch.device
    esc50_dir: str | None
    n_steps: int


def read_bank(esc50_dir: str | None) -> ClipBank:
    source = {"source": "esc50", "esc50_dir": esc50_dir} if esc50_dir else {"source": "synthetic"}
    return build_bank(load_clips(folds=[1], **source))


@cache
def load_step(side: Side) -> tuple[OurStep | StockStep, float]:
    """Load one side's step, once in a process; also return the MB of memory before its first."""
    multiprocessing.set_start_method("fork", force=True)  # of data loaders: else they spawn as this process was
    size, precision = side.case.split("_")
    settings = StageConfig(
        max_train_steps=10**6,
        per_device_train_batch_size=N_GROUPS[side.device.type][size],
        learning_rate=LEARNING_RATE[size],
        in_group_weight=2.0,
    )
    extractor = TeminalFeatureExtractor.from_pretrained(side.checkpoint)
    sampler = OrderSampler(read_bank(side.esc50_dir))
    composer = BatchComposer(sampler, extractor, "B", settings, seed=0, device=side.device)
    kind = OurStep if side.name == "ours" else StockStep
    step = kind(side.checkpoint, composer, 1 + side.n_steps, side.device, precision == "bf16")
    return step, bench.read_resident_mb("VmRSS")


def take_turn(side: Side, num_workers: int) -> tuple[float, float, float]:
    """Measure a step, which ends with its loss on the CPU: seconds, those waiting for the batch, CPU seconds."""
    step, _ = load_step(side)
    batches, waited_s = iter(step.batches(num_workers)), 0.0
    step.step(next(batches))
    processes = [psutil.Process(), *psutil.Process().children()]  # the workers are at work
    start, cpu_start = time.perf_counter(), read_cpu_seconds(processes)
    for _ in range(side.n_steps):
        asked = time.perf_counter()
        batch = next(batches)
        waited_s += time.perf_counter() - asked
        step.step(batch)
    cpu_s = read_cpu_seconds(processes) - cpu_start
    return (time.perf_counter() - start) / side.n_steps, waited_s / side.n_steps, cpu_s / side.n_steps


def read_cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def read_figures(side: Side) -> dict[str, float]:
    """Return the peak memory of a side after its turns, and the GFLOP of our step."""
    step, before_mb = load_step(side)
    figures = {f"{side.name}_peak_mb": bench.read_peak_mb(side.device) - (side.device.type == "cpu") * before_mb}
    if side.name == "ours":
        with FlopCounterMode(display=False) as counter:
            step.training_step.backward(next(step.batches(0)), step.composer.settings)
        figures["gflop"] = counter.get_total_flops() / 1e9
    return figures


def measure(case: str, checkpoint: Path, args: argparse.Namespace, environment: dict[str, str]) -> dict:
    """Measure one case: medians and ranges over turns, and our step's FLOPs as a share of the matrix-multiply peak."""
    size, precision = case.split("_")
    turns, row = {line: [] for line in LINES}, {}
    with bench.own_process(**environment) as stock, bench.own_process(**environment) as ours:
        processes = {"stock": stock, "ours": ours}
        sides = {name: Side(name, case, checkpoint, args.device, args.esc50_dir, args.steps) for name in processes}
        for _ in range(args.turns):
            for line, (name, num_workers) in LINES.items():
                turns[line].append(processes[name].submit(take_turn, sides[name], num_workers).result())
        for name, process in processes.items():
            row |= process.submit(read_figures, sides[name]).result()

    n_pairs = 3 * N_GROUPS[args.device.type][size]
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
    row["matmul_peak_gflops"] = bench.measure_matmul_peak(DTYPES[precision], args.device)
    return row | {"ours_share_of_peak": row["gflop"] / row["ours_s"] / row["matmul_peak_gflops"]}


def main() -> None:
    parser = bench.make_parser(__doc__, turns=5)
    parser.add_argument("--esc50_dir", help="compose real clips, of fold 1; else synthetic ones")
    parser.add_argument("--steps", type=int, default=3, help="of a turn")
    args = parser.parse_args()
    results = {
        "machine": bench.describe_machine(args.device),
        "pairs": "forward, reversed and overlay of each group",
        "clips": "ESC-50, fold 1" if args.esc50_dir else "synthetic",
    }
    for case in bench.leave_out_emulated(CASES, args.device):
        with tempfile.TemporaryDirectory() as folder:
            bench.save_checkpoint(case.split("_")[0], read_bank(args.esc50_dir), Path(folder))
            row = measure(case, Path(folder), args, {})
            if args.device.type == "cpu":
                row["kept_heap"] = measure(case, Path(folder), args, bench.KEPT_HEAP)
        results[case] = row | {"load_average": os.getloadavg()}
        print(case, json.dumps(results[case]), flush=True)
        bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
