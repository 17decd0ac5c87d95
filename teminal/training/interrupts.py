"""Handle SIGTERM and SIGINT: finish the step, save a checkpoint, then end the run."""

import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

logger = logging.getLogger("teminal")


class _WorkInterrupted(BaseException):
    """Raised by a signal during work that a resumed run repeats."""


class Interrupts:
    """Context that stores a signal in `received` instead of ending the run; a second SIGINT ends it at once.

    A second SIGTERM has no effect: launchers forward the one that their scheduler has sent to every process.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.received, self.in_work = accelerator, 0, False

    def __enter__(self) -> "Interrupts":
        self.before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def run_on_main_process(self, work: Callable[[], dict]) -> dict | None:
        """Run `work` on the main process and return its result on all processes; `None` if a signal has ended it.

        For long work without anything to save, such as an evaluation. Called on all processes.
        """
        found = None
        if self.accelerator.is_main_process and not self.received:
            try:
                self.in_work = True
                found = work()
            except _WorkInterrupted:
                pass
            finally:
                self.in_work = False
        found, received = broadcast_object_list([found, self.received])
        self.received = self.received or (received if found is None else 0)
        return found

    def stop(self, where: str, number: int = 0) -> NoReturn:
        """End the run with the exit code of a signal: `number`, or the one that this process received."""
        logger.info("stopped after %s; --resume_from_checkpoint latest", where)
        raise SystemExit(128 + (number or self.received))

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if not self.received and self.accelerator.is_main_process:
            logger.info("%s: stopping after this step; Ctrl-C ends at once", signal.Signals(number).name)
        self.received = number
        signal.signal(signal.SIGINT, self.before[signal.SIGINT])
        if self.in_work:
            raise _WorkInterrupted
