"""SIGTERM and SIGINT are remembered, so that the step ends, a checkpoint is saved, and then the run."""

import logging
import signal
from collections.abc import Callable

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

logger = logging.getLogger("teminal")


class _CutShort(BaseException):
    """A signal came during work that is made again when the run goes on."""


class Interrupts:
    """While it is entered, a signal is remembered; a second SIGINT has its usual effect.

    A second SIGTERM has none: launchers pass on the one that their scheduler has already sent to every process.
    """

    def __init__(self, accelerator: Accelerator):
        self.accelerator, self.received, self.cuts_short = accelerator, 0, False

    def __enter__(self) -> "Interrupts":
        self.before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def on_main_process(self, work: Callable[[], dict]) -> dict | None:
        """What `work`, done by the main process, has found, on all; `None` after a signal to it, which ends the work.

        Called on all processes. For minutes that leave nothing to save, such as an evaluation.
        """
        found = None
        if self.accelerator.is_main_process and not self.received:
            try:
                self.cuts_short = True
                found = work()
            except _CutShort:
                found = None
            finally:
                self.cuts_short = False
        found, received = broadcast_object_list([found, self.received])
        self.received = self.received or (received if found is None else 0)
        return found

    def _remember(self, number, frame):
        if not self.received and self.accelerator.is_main_process:
            logger.info("%s: stopping after this step; Ctrl-C ends at once", signal.Signals(number).name)
        self.received = number
        signal.signal(signal.SIGINT, self.before[signal.SIGINT])
        if self.cuts_short:
            raise _CutShort
