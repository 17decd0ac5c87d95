"""Join the processes of a launcher, and divide cores and memory among them."""

import ctypes
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Union

import joblib

if TYPE_CHECKING:
    from accelerate import PartialState

STARTED = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")  # set by torchrun and MPI
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3)
KEPT_BYTES = 2**30


class SingleProcess:
    """Replace [`accelerate.PartialState`] in a single process, without importing torch (500 MB)."""

    is_main_process, process_index, num_processes = True, 0, 1

    def wait_for_everyone(self) -> None:
        """Do nothing: there is no other process."""


def count_processes() -> int:
    """Return how many processes the launcher has started; 1 without a launcher."""
    return next((int(os.environ[name]) for name in STARTED if name in os.environ), 1)


def join_processes(make_state: Callable[[bool], Any]) -> Any:
    """Create the state of accelerate, and check that it counts all processes.

    Args:
        make_state: takes whether to use the CPU, and returns a `PartialState` or an `Accelerator`.

    Raises:
        ValueError: several processes were asked for, but this one would work as if it were alone.
    """
    _require_others()
    state = make_state(_on_cpu())
    if state.num_processes != count_processes():
        raise ValueError(
            f"{count_processes()} processes were started, and accelerate counts {state.num_processes}: start them "
            "with accelerate launch --multi_gpu or torchrun"
        )
    return state


def process_state() -> Union[SingleProcess, "PartialState"]:
    """Create the state of this process on the CPU; processes wait for each other for up to a week.

    Raises:
        ValueError: see [`join_processes`].
    """
    if count_processes() == 1:
        _require_others()
        return SingleProcess()
    from accelerate import PartialState

    return join_processes(lambda _: PartialState(cpu=True, timeout=timedelta(days=7)))


def count_cores() -> int:
    """Return how many CPU cores this process may use, shared equally among the processes of this machine."""
    return max(1, joblib.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def _require_others() -> None:
    """Refuse `accelerate launch` without `--multi_gpu`, which sets an address but starts a single process."""
    is_alone = count_processes() == 1 and "WORLD_SIZE" not in os.environ
    if is_alone and {"ACCELERATE_USE_CPU", "MASTER_ADDR"} <= set(os.environ):
        raise ValueError(
            "accelerate launch was asked for several processes and has started one that knows of no other: add "
            "--multi_gpu in place of --cpu, which takes CPUs where there is no GPU (or unset MASTER_ADDR for a single "
            "process)"
        )


def _on_cpu() -> bool:
    """Tell whether to use the CPU: asked for, no accelerator, or several processes for one Apple GPU."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    asked = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "t", "yes", "y", "on")
    return asked or found is None or (found.type == "mps" and count_processes() > 1)


def keep_freed_memory() -> None:
    """Keep up to `KEPT_BYTES` of freed memory in this process, if its C library is glibc.

    By default glibc returns freed blocks of more than 128 kB to 32 MB to the system, and the page faults of the next
    allocation take longer than rendering a scene.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
