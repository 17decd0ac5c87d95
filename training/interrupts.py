"""SIGTERM and SIGINT are remembered, so that the step ends, a checkpoint is saved, and then the run."""

import logging
import signal

import torch
from accelerate import Accelerator

logger = logging.getLogger("teminal")


class Interrupts:
    """While it is entered, the first signal is remembered; the second one has its usual effect."""

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.received = accelerator, 0

    def __enter__(self) -> "Interrupts":
        self.before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _remember(self, number, frame):
        self.received = number
        signal.signal(number, self.before[number])
        if self.accelerator.is_main_process:
            logger.info("%s: saving a checkpoint after this step; again to end at once", signal.Signals(number).name)

    def anywhere(self) -> int:
        """The signal that some process has received, 0 for none; the same on all processes."""
        received = torch.tensor(self.received, device=self.accelerator.device)
        return int(self.accelerator.gather(received[None]).max())
