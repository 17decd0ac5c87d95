"""Measure two implementations side by side: in turns, in processes of their own, on a machine that is described."""

import argparse
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
import transformers
import yaml

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel
from teminal.clips import ClipBank
from teminal.training.launch import detect_bf16
from teminal.training.scratch import build_scratch_clap

ROOT = Path(__file__).parents[1]
# glibc returns freed memory to the system and pays for every page again; these make it keep the memory
KEPT_HEAP = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


def make_parser(description: str, turns: int | None = None) -> argparse.ArgumentParser:
    """Make a parser of the flags that several benchmarks have; with `turns`, also `--turns` and `--device`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_json", type=Path, help="where to write the figures")
    if turns:
        parser.add_argument("--turns", type=int, default=turns, help="measurements of each figure")
        parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    return parser


def write_json(results: dict, output_json: Path | None) -> None:
    """Write the figures, if a file was given."""
    if output_json:
        output_json.write_text(json.dumps(results, indent=1) + "\n")


def describe_machine(device: torch.device) -> dict[str, object]:
    """List the processor, threads and versions that the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {
        "cpu": next(line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        "instructions": torch.backends.cpu.get_cpu_capability(),  # that PyTorch uses, e.g. AVX2 where limited to it
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def take_turns(cases: dict[str, Callable[[], object]], turns: int, turn_s: float = 0.5) -> dict[str, list[float]]:
    """Time cases in alternation, so that a slow minute of the machine affects all.

    Returns:
        Seconds per call, one figure a turn. A turn repeats its case for `turn_s`; a first round is not counted.
    """
    seconds = {name: [] for name in cases}
    for turn in range(turns + 1):
        for name, case in cases.items():
            calls, start = 0, time.perf_counter()
            while calls == 0 or time.perf_counter() - start < turn_s:
                case()
                if torch.cuda.is_available():
                    torch.cuda.synchronize()
                calls += 1
            if turn:
                seconds[name].append((time.perf_counter() - start) / calls)
    return seconds


def measure_matmul_peak(dtype: torch.dtype, device: torch.device) -> float:
    """Measure the GFLOP/s of multiplying two square matrices: the best of ten turns."""
    left, right = torch.randn(2, 2048, 2048, device=device).to(dtype).unbind()
    return 2 * 2048**3 / min(take_turns({"matmul": lambda: left @ right}, 10, 0.1)["matmul"]) / 1e9


def leave_out_emulated(cases: Sequence[str], device: torch.device) -> list[str]:
    """Leave out the bf16 cases where `device` would emulate them, and say so."""
    supported, reason = detect_bf16(device)
    left_out = [name for name in cases if name.endswith("bf16") and not supported]
    if left_out:
        print(f"left out: {', '.join(left_out)} ({reason})", flush=True)
    return [name for name in cases if name not in left_out]


@contextmanager
def own_process(**environment: str) -> Iterator[ProcessPoolExecutor]:
    """Start a fresh process with these environment variables, which calls what is submitted to it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        with mock.patch.dict(os.environ, environment):
            executor.submit(os.getpid).result()  # starts the process
        yield executor


def call_in_own_process(function: Callable, *arguments: object, **environment: str):
    """Call a function in a fresh process, so that no case sees the memory of another."""
    with own_process(**environment) as process:
        return process.submit(function, *arguments).result()


def measure_added_memory(case: Callable[[], object], device: torch.device) -> float:
    """Measure the MB that three calls of `case` add at their peak; on a GPU a first call is not counted."""
    if device.type == "cuda":
        case()
        torch.cuda.reset_peak_memory_stats()
        before_mb = torch.cuda.memory_allocated() / 2**20
    else:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
        before_mb = read_resident_mb("VmRSS")
    for _ in range(3):
        case()
    return read_peak_mb(device) - before_mb


def read_peak_mb(device: torch.device) -> float:
    """Read the peak of memory: allocated on a GPU, or resident of this process."""
    return torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else read_resident_mb("VmHWM")


def read_resident_mb(field: str) -> float:
    """Read the resident memory of this process: `VmRSS` now, `VmHWM` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 2**10


def save_checkpoint(size: str, bank: ClipBank, folder: Path) -> None:
    """Save random weights: "tiny" as in `configs/esc50_tiny.yaml`, or "full" as laion/clap-htsat-unfused."""
    torch.manual_seed(0)
    scratch = yaml.safe_load((ROOT / "configs" / "esc50_tiny.yaml").read_text())["scratch"]
    model, processor = build_scratch_clap(bank, temporal_head=False, **scratch)
    if size == "full":  # with the tokenizer of the tiny one
        model = TeminalModel(TeminalConfig(**transformers.ClapConfig().to_dict()))
        extractor = TeminalFeatureExtractor(truncation="rand_trunc", frequency_min=50)
        processor = transformers.ClapProcessor(extractor, processor.tokenizer)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
