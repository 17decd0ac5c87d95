"""How a command that cannot go on ends: in one line."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def errors_in_one_line(command: str, *kinds: type[BaseException]) -> Iterator[None]:
    """End the command with `command: error: ...` on errors of these kinds."""
    try:
        yield
    except kinds as error:
        traceback.clear_frames(error.__traceback__)  # ends the progress bars that they hold: the error comes last
        sys.exit(f"{command}: error: {' '.join(str(error).split())}")


def interrupts_in_one_line(command: str, hint: str = "") -> None:
    """From now on Ctrl-C ends the command with `command: interrupted; hint`, also during imports."""

    def show(kind, error, trace):
        if issubclass(kind, KeyboardInterrupt):
            traceback.clear_frames(trace)
            print(f"{command}: interrupted{'; ' if hint else ''}{hint}", file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, trace)

    sys.excepthook = show
