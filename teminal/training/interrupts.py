"""Remember SIGTERM and SIGINT, so that the step ends, a checkpoint is saved, and then the run ends."""

import logging
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

logger = logging.getLogger("teminal")


class _CutShort(BaseException):
    """A signal came during work that is done again when the run goes on."""


class Interrupts:
    """A context in which a signal is remembered in `received`; a second SIGINT has its usual effect.

    A second SIGTERM has none: launchers pass on the one that their scheduler has already sent to every process.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.received, self.cuts_short = accelerator, 0, False

    def __enter__(self) -> "Interrupts":
        self.before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def on_main_process(self, work: Callable[[], dict]) -> dict | None:
        """Do `work` on the main process and return what it finds on all; `None` if a signal has ended it.

        Called on all processes. For minutes that leave nothing to save, such as an evaluation.
        """
        found = None
        if self.accelerator.is_main_process and not self.received:
            try:
                self.cuts_short = True
                found = work()
            except _CutShort:
                pass
            finally:
                self.cuts_short = False
        found, received = broadcast_object_list([found, self.received])
        self.received = self.received or (received if found is None else 0)
        return found

    def stop(self, where: str, number: int = 0) -> NoReturn:
        """End the run because of a signal: this `number`, or else the one that this process has received."""
        logger.info("stopped after %s; --resume_from_checkpoint latest", where)
        raise SystemExit(128 + (number or self.received))

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if not self.received and self.accelerator.is_main_process:
            logger.info("%s: stopping after this step; Ctrl-C ends at once", signal.Signals(number).name)
        self.received = number
        signal.signal(signal.SIGINT, self.before[signal.SIGINT])
        if self.cuts_short:
            raise _CutShort
