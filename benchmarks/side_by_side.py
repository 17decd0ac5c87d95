"""Timing that compares: cases take turns in one process, so that a slower minute of the machine is everybody's."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import transformers

from teminal.training.launch import bf16_support


def take_turns(cases: dict[str, Callable[[], object]], turns: int, turn_s: float = 0.5) -> dict[str, list[float]]:
    """Seconds per call, one figure a turn; a turn repeats its case for `turn_s`, and a first round is not counted."""
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


def compare(stock: Callable[[], object], ours: Callable[[], object], turns: int) -> dict[str, float]:
    """Medians, and how many times faster ours is: by medians, and the range over the turns."""
    seconds = take_turns({"stock": stock, "ours": ours}, turns)
    medians = {name: statistics.median(runs) for name, runs in seconds.items()}
    ratios = [before / after for before, after in zip(seconds["stock"], seconds["ours"], strict=True)]
    return {
        "stock_s": medians["stock"],
        "ours_s": medians["ours"],
        "speedup": medians["stock"] / medians["ours"],
        "speedup_range": [min(ratios), max(ratios)],
        "turns": turns,
    }


def matmul_peak(dtype: torch.dtype, device: torch.device, size: int = 2048) -> float:
    """FLOP/s of the best of ten turns of multiplying two square matrices."""
    left, right = torch.randn(2, size, size, device=device).to(dtype).unbind()
    return 2 * size**3 / min(take_turns({"matmul": lambda: left @ right}, 10, 0.1)["matmul"])


def computed_in_hardware(cases: Sequence[str], device: torch.device) -> list[str]:
    """Leave out the bf16 cases where `device` would emulate them, and say so."""
    supported, reason = bf16_support(device)
    left_out = [name for name in cases if name.endswith("bf16") and not supported]
    if left_out:
        print(f"left out: {', '.join(left_out)} ({reason})", flush=True)
    return [name for name in cases if name not in left_out]


def in_own_process(*arguments: str, **environment: str) -> dict:
    """The JSON that the running script prints when given other arguments: no case sees the memory of another."""
    command = [sys.executable, sys.argv[0], *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    return json.loads(output.stdout.splitlines()[-1])


def added_memory(case: Callable[[], object], device: torch.device) -> float:
    """MB that three calls of `case` add at their peak to what is there; on a GPU a first call is not counted."""
    if device.type == "cuda":
        case()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM
        before = resident_kb("VmRSS") * 2**10
    for _ in range(3):
        case()
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else resident_kb("VmHWM") * 2**10
    return (peak - before) / 2**20


def resident_kb(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def machine(device: torch.device) -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": cpu[0],
        "instructions": torch.backends.cpu.get_cpu_capability(),  # that PyTorch uses, AVX2 where held down to it
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
