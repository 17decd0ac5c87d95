"""SIGTERM and SIGINT are remembered, so that the step ends, a checkpoint is saved, and then the run."""

import logging
import signal

from accelerate import Accelerator

logger = logging.getLogger("teminal")


class Interrupts:
    """While it is entered, a signal is remembered; a second SIGINT has its usual effect.

    A second SIGTERM has none: launchers pass on the one that their scheduler has already sent to every process.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.received = accelerator, 0

    def __enter__(self) -> "Interrupts":
        self.before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _remember(self, number, frame):
        if not self.received and self.accelerator.is_main_process:
            logger.info("%s: stopping after this step; Ctrl-C ends at once", signal.Signals(number).name)
        self.received = number
        signal.signal(signal.SIGINT, self.before[signal.SIGINT])
