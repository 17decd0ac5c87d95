"""Run a command: options from a dataclass, and one line for what ends it early."""

import argparse
import functools
import inspect
import logging
import math
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from transformers import HfArgumentParser

HIDDEN = argparse.SUPPRESS  # as the help of a flag: `--help` leaves it out
Options = TypeVar("Options")


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Descriptions as they stand, and default values."""


def option(default: Any, help: str | None = None, **about: Any) -> Any:
    """Declare a field of an options dataclass; a list is copied for each instance.

    Args:
        default: what holds where the flag is not given; `dataclasses.MISSING` where it must be.
        help: shown by `--help`.
        about: `least` and `most` of a number, see [`check_ranges`]; more arguments of `argparse.add_argument`; others
            are for `teminal.training.config`.
    """
    metadata = {"help": help, **about} if help else about
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def check_ranges(options: Any, prefix: str = "") -> None:
    """Check that numbers are finite and from `least` to `most` of their [`option`].

    Raises:
        ValueError: naming the flag, `prefix` before its name.
    """
    for item in fields(options):
        least, most = item.metadata.get("least"), item.metadata.get("most", math.inf)
        value = getattr(options, item.name)
        if least is None or value is None:
            continue
        for number in value if isinstance(value, list) else [value]:
            if not (least <= number <= most and number < math.inf):
                to = f"from {least:g} to {most:g}" if most < math.inf else f"finite and at least {least:g}"
                raise ValueError(f"--{prefix}{item.name} {number}: must be {to}")


def make_parser(kinds: list[Any], description: str | None) -> "HfArgumentParser":
    """Make a parser whose flags are the fields of dataclasses, and whose errors are ValueErrors of one line."""
    from transformers import HfArgumentParser  # takes half a second

    class Parser(HfArgumentParser):
        def add_argument(self, *flags: str, **kwargs: Any) -> argparse.Action:
            if kwargs.get("nargs") == "+" and not kwargs.get("required") and kwargs.get("default") is None:
                kwargs["nargs"] = "*"
            for name in ("least", "most", "may_change", "needs"):  # of `option`; argparse does not know them
                kwargs.pop(name, None)
            return super().add_argument(*flags, **kwargs)

        def error(self, message: str) -> NoReturn:
            raise ValueError(message)

    return Parser(kinds, description=description, formatter_class=_Help, allow_abbrev=False)


def parse_options(
    kind: type[Options], argv: list[str] | None, description: str | None, first: str | None = None
) -> Options:
    """Parse command-line flags into a dataclass, which checks itself in `__post_init__`.

    Args:
        kind: fields are flags: lists take several values (or none where the default is `None`), `True` by default
            also gives `--no_...`.
        argv: flags; `None` for those of this process.
        description: shown by `--help` as it stands.
        first: the field whose value may come first, without its flag.

    Raises:
        ValueError, OSError: naming the flag at fault, also from the dataclass.
        SystemExit: `--help`.
    """
    words = sys.argv[1:] if argv is None else argv
    if first and words and not words[0].startswith("-"):
        words = [f"--{first}", *words]
    return kind(**vars(make_parser([kind], description).parse_args(words)))


def show_messages() -> None:
    """Print what the library logs, and warnings of others, to stderr."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("teminal").setLevel(logging.INFO)


@contextmanager
def errors_in_one_line(command: str, *kinds: type[BaseException]) -> Iterator[None]:
    """End the command with `command: error: ...` on errors of these kinds."""
    try:
        yield
    except kinds as error:
        traceback.clear_frames(error.__traceback__)  # ends the progress bars that they hold: the error comes last
        sys.exit(f"{command}: error: {' '.join(str(error).split())}")


def command(hint: str = "", name: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate the `main(argv=None)` of a command file, so that it ends in one line.

    What a user can mend (ValueError, OSError, FloatingPointError, MemoryError) ends it with `name: error: ...`, Ctrl-C
    with `name: interrupted; hint`; `name` is by default the file's. Import what takes seconds inside `main`, so that
    both hold from the start.
    """

    def decorate(main: Callable[..., None]) -> Callable[..., None]:
        called = name or Path(inspect.getfile(main)).name

        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> None:
            try:
                with errors_in_one_line(called, ValueError, OSError, FloatingPointError, MemoryError):
                    main(argv)
            except KeyboardInterrupt as error:
                traceback.clear_frames(error.__traceback__)
                print(f"{called}: interrupted{'; ' if hint else ''}{hint}", file=sys.stderr)
                sys.exit(130)

        return run

    return decorate


@command("the same command goes on from here", name="teminal")
def main(argv: list[str] | None = None) -> None:
    """Run `teminal embed`, the command that works without a clone of the repository."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] != ["embed"]:
        sys.exit("usage: teminal embed --help")
    from teminal.evaluation.options import EmbedOptions

    options = parse_options(EmbedOptions, arguments[1:], "Embed a folder of audio files with a CLAP checkpoint.")
    try:
        from teminal.evaluation.embed import embed_folder
    except ImportError as error:
        raise ValueError(f"{error}; pip install 'teminal[eval]'") from error
    embed_folder(options)
