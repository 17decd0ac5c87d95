"""The chunked TNCE loss beside the plain one and open_clip's loss, forward and backward: time, memory, differences.

pip install open_clip_torch
python benchmarks/loss.py --output_json results/bench_loss.json
"""

import argparse
import functools
import json
import os
import statistics
from importlib.metadata import version
from pathlib import Path

import torch
from side_by_side import added_memory, in_own_process, machine, matmul_peak, take_turns
from torch.nn import functional as F

from modeling_teminal import chunked_tnce_loss, tnce_loss
from teminal.scenes import VARIANTS, Caption, holds, variant_scene

DIM, N_CLASSES = 512, 50
N_PAIRS = [1024, 2048, 4096, 8192, 16384, 32768]
LOSSES = ("chunked", "plain", "open_clip")
CHUNK_SIZES = {4096: [128, 256, 512, 1024, 2048], 16384: [512, 1024, 2048]}
PRODUCTS = {"chunked": 4, "plain": 3, "open_clip": 6}  # of N x N x DIM, forward and backward
# the losses whose scores are N x N are left out above this N: six to seven such matrices of fp32 at their peak
MOST_PLAIN = {"cpu": 8192, "cuda": 16384}
# glibc gives freed memory back and pays for every page again; measured once more with it kept
KEPT_HEAP = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


class Cases:
    """N pairs in groups of four variants of two classes each; the truth is in codes of N small integers."""

    def __init__(self, n_pairs: int, device: torch.device, chunk_size: int):
        generator = torch.Generator().manual_seed(0)
        embeds = torch.randn(2, n_pairs, DIM, generator=generator).to(device)
        self.embeds = [F.normalize(value, dim=1).requires_grad_() for value in embeds]
        self.scales = [torch.tensor(scale, device=device, requires_grad=True) for scale in (20.0, 15.0)]
        self.group = torch.arange(n_pairs, device=device) // 4
        self.variant = torch.arange(n_pairs, device=device) % 4
        classes = torch.rand(-(-n_pairs // 4), N_CLASSES, generator=generator).topk(2).indices
        self.x, self.y = classes.repeat_interleave(4, 0)[:n_pairs].to(device, torch.int16).T
        self.chunk_size = chunk_size

        single, _, is_reversed, overlay = (self.variant == variant for variant in range(4))
        first, second = torch.where(is_reversed, self.y, self.x), torch.where(is_reversed, self.x, self.y)
        unordered = (torch.minimum(first, second) * N_CLASSES + torch.maximum(first, second)) + N_CLASSES**2
        self.scene = torch.where(overlay, unordered, first * N_CLASSES + second).masked_fill(single, -1)
        self.second_heard = torch.where(single, self.x, self.y)
        self.named_alone = torch.where(single, self.x, -2)
        if n_pairs <= MOST_PLAIN[device.type]:
            self.all_holds = self.holds(slice(0, n_pairs))

    def holds(self, rows: slice) -> torch.Tensor:
        """(len(rows), N): the caption says the same of two sounds, or names one that is heard."""
        true = (self.scene[rows, None] == self.scene) & (self.scene != -1)
        true |= self.x[rows, None] == self.named_alone
        return true.logical_or_(self.second_heard[rows, None] == self.named_alone)

    def holds_of_scenes(self) -> torch.Tensor:
        """(N, N) from the captions and scenes themselves."""
        labels = [(str(x), str(y)) for x, y in zip(self.x.tolist(), self.y.tolist(), strict=True)]
        relation = {"single": "single", "sequence": "before", "overlay": "while"}
        scenes = [variant_scene(VARIANTS[v], *xy) for v, xy in zip(self.variant.tolist(), labels, strict=True)]
        captions = [Caption(relation[scene.relation], scene.labels) for scene in scenes]
        true = [[holds(caption, scene) for caption in captions] for scene in scenes]
        return torch.tensor(true, device=self.group.device)

    def loss(self, whose: str) -> torch.Tensor:
        if whose == "open_clip":
            from open_clip.loss import ClipLoss

            return ClipLoss()(*self.embeds, self.scales[0])
        truth = {"group": self.group, "variant": self.variant}
        if whose == "plain":
            return tnce_loss(*self.embeds, *self.scales, **truth, holds=self.all_holds)
        return chunked_tnce_loss(*self.embeds, *self.scales, **truth, holds=self.holds, chunk_size=self.chunk_size)

    def run(self, whose: str) -> list[torch.Tensor]:
        """The value and the gradients of embeddings and scales."""
        inputs = [*self.embeds, *(self.scales[:1] if whose == "open_clip" else self.scales)]
        loss = self.loss(whose)
        return [loss.detach(), *torch.autograd.grad(loss, inputs)]


def measure_time(n_pairs: int, args: argparse.Namespace) -> dict:
    """Seconds of each loss (median of the turns, and the best), and the FLOP/s of its products beside the peak."""
    cases = Cases(n_pairs, args.device, args.chunk_size)
    turns = turns_of(n_pairs, args)
    runs = {whose: functools.partial(cases.run, whose) for whose in losses_of(n_pairs, args.device)}
    peak = matmul_peak(torch.float32, args.device) / 1e9
    rows = {"turns": turns, "matmul_peak_gflops": peak}
    for whose, seconds in take_turns(runs, turns).items():
        median = statistics.median(seconds)
        gflops = PRODUCTS[whose] * 2 * n_pairs**2 * DIM / median / 1e9
        rows[whose] = {"s": median, "best_s": min(seconds), "gflops": gflops, "share_of_peak": gflops / peak}
    return rows


def measure_chunk_sizes(n_pairs: int, args: argparse.Namespace) -> dict[int, float]:
    """Chunk size -> median seconds of the chunked loss."""
    runs = {size: functools.partial(Cases(n_pairs, args.device, size).run, "chunked") for size in CHUNK_SIZES[n_pairs]}
    return {size: statistics.median(seconds) for size, seconds in take_turns(runs, turns_of(n_pairs, args)).items()}


def turns_of(n_pairs: int, args: argparse.Namespace) -> int:
    return 1 if n_pairs > 8192 and args.device.type == "cpu" else args.turns


def losses_of(n_pairs: int, device: torch.device) -> tuple[str, ...]:
    return LOSSES if n_pairs <= MOST_PLAIN[device.type] else ("chunked",)


def differences(device: torch.device) -> dict[str, float]:
    """Chunked from plain, at 1,022 pairs: relative norms of the differences in value and gradients."""
    cases = Cases(1022, device, chunk_size=100)
    cases.all_holds = cases.holds_of_scenes()
    names = ("value", "audio_embeds", "text_embeds", "logit_scale_audio", "logit_scale_text")
    results = zip(names, cases.run("chunked"), cases.run("plain"), strict=True)
    return {name: ((ours - plain).norm() / plain.norm()).item() for name, ours, plain in results}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_json", type=Path)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--turns", type=int, default=3, help="above 8192 pairs on a CPU it is one")
    parser.add_argument("--chunk_size", type=int, default=1024)
    parser.add_argument("--case", type=int, help="measure this number of pairs alone and print it")
    parser.add_argument("--memory_of", choices=LOSSES, help="with --case: the memory that one loss adds")
    args = parser.parse_args()
    if args.case and args.memory_of:
        cases = Cases(args.case, args.device, args.chunk_size)
        print(added_memory(lambda: cases.run(args.memory_of), args.device))
        return
    if args.case:
        print(json.dumps(measure_time(args.case, args)))
        return

    options = ["--device", str(args.device), "--turns", str(args.turns), "--chunk_size", str(args.chunk_size)]
    most = MOST_PLAIN[args.device.type]
    results = {
        "machine": machine(args.device),
        "open_clip_torch": version("open_clip_torch"),
        "chunk_size": args.chunk_size,
        "skipped": f"plain and open_clip above {most} pairs: six to seven N x N matrices of fp32 at their peak",
        "differences": differences(args.device),
    }
    print(json.dumps(results), flush=True)
    for n_pairs in N_PAIRS:
        load = os.getloadavg()[0]
        row = in_own_process("--case", str(n_pairs), *options)
        for whose in losses_of(n_pairs, args.device):
            memory = in_own_process("--case", str(n_pairs), "--memory_of", whose, *options)
            row[whose]["added_mb"] = memory
        if n_pairs == 4096 and args.device.type == "cpu":
            row["kept_heap"] = in_own_process("--case", str(n_pairs), *options, **KEPT_HEAP)
        if n_pairs in CHUNK_SIZES:
            row["chunk_sizes_s"] = measure_chunk_sizes(n_pairs, args)
        results[n_pairs] = {"load_before": load, **row}
        print(n_pairs, json.dumps(results[n_pairs]), flush=True)
        if args.output_json:
            args.output_json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
