"""Compare the chunked TNCE loss with the plain one and open_clip's, forward and backward: time, memory, differences.

pip install open_clip_torch
python benchmarks/loss.py --output_json results/bench_loss.json
"""

import json
import os
import statistics
from functools import partial
from importlib.metadata import version

import side_by_side as bench
import torch
from torch.nn import functional as F

from modeling_teminal import chunked_tnce_loss, tnce_loss

DIM, N_CLASSES, CHUNK_SIZE = 512, 50, 1024
N_PAIRS = [1024, 2048, 4096, 8192, 16384, 32768]
CHUNK_SIZES = {4096: [128, 256, 512, 1024, 2048], 16384: [512, 1024, 2048]}
PRODUCTS = {"chunked": 4, "plain": 3, "open_clip": 6}  # of N x N x DIM, forward and backward
# the losses whose scores are N x N are left out above this N: six to seven such matrices of fp32 at their peak
MOST_PLAIN = {"cpu": 8192, "cuda": 16384}


class Cases:
    """N pairs in groups of four variants (single, forward, reversed, overlay) of two classes x and y each."""

    def __init__(self, n_pairs: int, device: torch.device, chunk_size: int = CHUNK_SIZE):
        generator = torch.Generator().manual_seed(0)
        embeds = torch.randn(2, n_pairs, DIM, generator=generator).to(device)
        self.embeds = [F.normalize(value, dim=1).requires_grad_() for value in embeds]
        self.scales = [torch.tensor(scale, device=device, requires_grad=True) for scale in (20.0, 15.0)]
        rows = torch.arange(n_pairs, device=device)
        self.groups = {"group": rows // 4, "variant": rows % 4}
        self.chunk_size = chunk_size

        classes = torch.rand(-(-n_pairs // 4), N_CLASSES, generator=generator).topk(2).indices
        self.x, y = classes.repeat_interleave(4, 0)[:n_pairs].to(device, torch.int16).T
        single, _, is_reversed, overlay = (rows % 4 == variant for variant in range(4))
        first, second = torch.where(is_reversed, y, self.x), torch.where(is_reversed, self.x, y)
        unordered = torch.minimum(first, second) * N_CLASSES + torch.maximum(first, second) + N_CLASSES**2
        self.scene = torch.where(overlay, unordered, first * N_CLASSES + second).masked_fill(single, -1)
        self.second_heard = torch.where(single, self.x, y)
        self.named_alone = torch.where(single, self.x, -2)
        if n_pairs <= MOST_PLAIN[device.type]:
            self.all_holds = self.holds(slice(None))

    def holds(self, rows: slice) -> torch.Tensor:
        """Return (len(rows), N): whether the caption says the same of two sounds, or names one that is heard."""
        true = (self.scene[rows, None] == self.scene) & (self.scene != -1)
        true |= self.x[rows, None] == self.named_alone
        return true.logical_or_(self.second_heard[rows, None] == self.named_alone)

    def run(self, name: str) -> list[torch.Tensor]:
        """Compute the value of a loss and its gradients with respect to embeddings and scales."""
        inputs = [*self.embeds, *self.scales]
        if name == "chunked":
            loss = chunked_tnce_loss(*inputs, **self.groups, holds=self.holds, chunk_size=self.chunk_size)
        elif name == "plain":
            loss = tnce_loss(*inputs, **self.groups, holds=self.all_holds)
        else:
            from open_clip.loss import ClipLoss  # takes seconds and memory of its own

            inputs = inputs[:3]  # it has one scale
            loss = ClipLoss()(*inputs)
        return [loss.detach(), *torch.autograd.grad(loss, inputs)]


def measure_time(n_pairs: int, device: torch.device, turns: int) -> dict:
    """Measure the seconds of each loss (median and best), and the FLOP/s of its products beside the peak."""
    cases = Cases(n_pairs, device)
    peak = bench.measure_matmul_peak(torch.float32, device)
    row = {"turns": turns, "matmul_peak_gflops": peak}
    runs = {name: partial(cases.run, name) for name in choose_losses(n_pairs, device)}
    for name, seconds in bench.take_turns(runs, turns).items():
        median = statistics.median(seconds)
        gflops = PRODUCTS[name] * 2 * n_pairs**2 * DIM / median / 1e9
        row[name] = {"s": median, "best_s": min(seconds), "gflops": gflops, "share_of_peak": gflops / peak}
    return row


def measure_memory(n_pairs: int, device: torch.device, name: str) -> float:
    """Measure the MB that one loss adds."""
    return bench.measure_added_memory(partial(Cases(n_pairs, device).run, name), device)


def choose_losses(n_pairs: int, device: torch.device) -> list[str]:
    return list(PRODUCTS) if n_pairs <= MOST_PLAIN[device.type] else ["chunked"]


def measure_differences(device: torch.device) -> dict[str, float]:
    """Compare chunked with plain at 1,022 pairs: relative norms of the differences in value and gradients."""
    cases = Cases(1022, device, chunk_size=100)
    names = ("value", "audio_embeds", "text_embeds", "logit_scale_audio", "logit_scale_text")
    results = zip(names, cases.run("chunked"), cases.run("plain"), strict=True)
    return {name: ((chunked - plain).norm() / plain.norm()).item() for name, chunked, plain in results}


def main() -> None:
    args = bench.make_parser(__doc__, turns=3).parse_args()
    device, most = args.device, MOST_PLAIN[args.device.type]
    results = {
        "machine": bench.describe_machine(device),
        "open_clip_torch": version("open_clip_torch"),
        "chunk_size": CHUNK_SIZE,
        "skipped": f"plain and open_clip above {most} pairs: six to seven N x N matrices of fp32 at their peak",
        "differences": measure_differences(device),
    }
    print(json.dumps(results), flush=True)
    for n_pairs in N_PAIRS:
        load = os.getloadavg()[0]
        turns = 1 if n_pairs > 8192 and device.type == "cpu" else args.turns
        row = bench.call_in_own_process(measure_time, n_pairs, device, turns)
        for name in choose_losses(n_pairs, device):
            row[name]["added_mb"] = bench.call_in_own_process(measure_memory, n_pairs, device, name)
        if n_pairs == 4096 and device.type == "cpu":
            row["kept_heap"] = bench.call_in_own_process(measure_time, n_pairs, device, turns, **bench.KEPT_HEAP)
        if n_pairs in CHUNK_SIZES:
            runs = {size: partial(Cases(n_pairs, device, size).run, "chunked") for size in CHUNK_SIZES[n_pairs]}
            seconds = bench.take_turns(runs, turns)
            row["chunk_sizes_s"] = {size: statistics.median(values) for size, values in seconds.items()}
        results[n_pairs] = {"load_before": load, **row}
        print(n_pairs, json.dumps(results[n_pairs]), flush=True)
        bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
