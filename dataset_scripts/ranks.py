"""Which of how many processes this one is, and its share of the cores."""

import os
from datetime import timedelta

import joblib


class Alone:
    """What [`accelerate.PartialState`] says without a launcher, but without torch and its 500 MB."""

    is_main_process, process_index, num_processes = True, 0, 1

    def wait_for_everyone(self) -> None:
        """Nobody else is there."""


def process_state():
    """The state under `accelerate launch` or `torchrun`; processes wait for each other for up to a week."""
    if "WORLD_SIZE" not in os.environ:
        return Alone()
    from accelerate import PartialState

    return PartialState(cpu=True, timeout=timedelta(days=7))


def own_cores() -> int:
    """This process's share of the cores that affinity and cgroup grant the processes of this machine; at least 1."""
    return max(1, joblib.cpu_count() // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))
