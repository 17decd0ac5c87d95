"""Run a command: options from a dataclass, and one line for what ends it early."""

import argparse
import functools
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any, TypeVar

Options = TypeVar("Options")


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Descriptions as they stand, and default values."""


def option(default: Any, help: str | None = None) -> Any:
    """Declare a field of an options dataclass; a list is copied for each instance."""
    metadata = {"help": help} if help else {}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def parse_options(kind: type[Options], argv: list[str] | None, description: str | None) -> Options:
    """Parse command-line flags into a dataclass, which checks itself in `__post_init__`.

    Args:
        kind: fields are flags: lists take several values, `True` by default also gives `--no_...`.
        argv: flags; `None` for those of this process.
        description: shown by `--help` as it stands.

    Raises:
        ValueError, OSError: from the dataclass, naming the flag at fault.
        SystemExit: `--help`, or a flag that does not exist or parse.
    """
    from transformers import HfArgumentParser  # takes half a second

    parser = HfArgumentParser([kind], description=description, formatter_class=_Help, allow_abbrev=False)
    return parser.parse_args_into_dataclasses(sys.argv[1:] if argv is None else argv)[0]


@contextmanager
def errors_in_one_line(command: str, *kinds: type[BaseException]) -> Iterator[None]:
    """End the command with `command: error: ...` on errors of these kinds."""
    try:
        yield
    except kinds as error:
        traceback.clear_frames(error.__traceback__)  # ends the progress bars that they hold: the error comes last
        sys.exit(f"{command}: error: {' '.join(str(error).split())}")


def command(hint: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate the `main(argv=None)` of a command file, so that it ends in one line.

    ValueError and OSError end it with `name: error: ...`, Ctrl-C with `name: interrupted; hint`. Import what takes
    seconds inside `main`, so that both hold from the start.
    """

    def decorate(main: Callable[..., None]) -> Callable[..., None]:
        name = Path(inspect.getfile(main)).name

        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> None:
            try:
                with errors_in_one_line(name, ValueError, OSError):
                    main(argv)
            except KeyboardInterrupt as error:
                traceback.clear_frames(error.__traceback__)
                print(f"{name}: interrupted{'; ' if hint else ''}{hint}", file=sys.stderr)
                sys.exit(130)

        return run

    return decorate
