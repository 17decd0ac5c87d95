"""Which of how many processes this one is."""

import os
from datetime import timedelta


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
