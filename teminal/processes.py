"""Tell which of how many processes this one is, and its share of cores and memory."""

import ctypes
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Union

import joblib

if TYPE_CHECKING:
    from accelerate import PartialState

STARTED = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")  # of torchrun and MPI
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
KEPT_BYTES = 2**30


class Alone:
    """Stand in for [`accelerate.PartialState`] without a launcher, and without torch and its 500 MB."""

    is_main_process, process_index, num_processes = True, 0, 1

    def wait_for_everyone(self) -> None:
        """Do nothing: nobody else is there."""


def n_started() -> int:
    """Count the processes that the launcher says it has started; 1 without a launcher."""
    return next((int(os.environ[name]) for name in STARTED if name in os.environ), 1)


def join_processes(make_state: Callable[[bool], Any]) -> Any:
    """Make accelerate's state, of as many processes as were started.

    Args:
        make_state: gives a `PartialState` or an `Accelerator`, told whether to work on the CPU.

    Raises:
        ValueError: several processes were asked for, and this one would work as if it were the only one.
    """
    _require_others()
    state = make_state(_on_cpu())
    if state.num_processes != n_started():
        raise ValueError(
            f"{n_started()} processes were started, and accelerate counts {state.num_processes}: start them with "
            "accelerate launch --multi_gpu or torchrun"
        )
    return state


def process_state() -> Union[Alone, "PartialState"]:
    """Make the state under `accelerate launch` or `torchrun`; processes wait for each other for up to a week.

    Raises:
        ValueError: see [`join_processes`].
    """
    if n_started() == 1:
        _require_others()
        return Alone()
    from accelerate import PartialState

    return join_processes(lambda _: PartialState(cpu=True, timeout=timedelta(days=7)))


def own_cores() -> int:
    """Count this process's share of the cores that affinity and cgroup grant the processes of this machine."""
    return max(1, joblib.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def _require_others() -> None:
    """Refuse `accelerate launch` without `--multi_gpu`: it names an address to meet at, but starts one process."""
    is_alone = n_started() == 1 and "WORLD_SIZE" not in os.environ
    if is_alone and {"ACCELERATE_USE_CPU", "MASTER_ADDR"} <= set(os.environ):
        raise ValueError(
            "accelerate launch was asked for several processes and has started one that knows of no other: add "
            "--multi_gpu in place of --cpu, which takes CPUs where there is no GPU (or unset MASTER_ADDR for a single "
            "process)"
        )


def _on_cpu() -> bool:
    """Whether the launcher says so, there is nothing else, or several processes would have one Apple GPU."""
    import torch

    found = torch.accelerator.current_accelerator(check_available=True)
    asked = os.environ.get("ACCELERATE_USE_CPU", "").lower() in ("1", "true", "t", "yes", "y", "on")
    return asked or found is None or (found.type == "mps" and n_started() > 1)


def keep_freed_memory() -> None:
    """Let this process and its children reuse up to `KEPT_BYTES` of freed memory, where its C library is glibc.

    glibc gives freed blocks beyond 128 kB to 32 MB back to the system, and to fault the pages of the next block in
    takes longer than to compose a scene.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
