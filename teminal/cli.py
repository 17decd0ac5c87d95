"""Parse the options of a command into a dataclass, and end it with a one-line error."""

import argparse
import functools
import inspect
import logging
import math
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import field, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from transformers import HfArgumentParser

HIDDEN = argparse.SUPPRESS  # give it as `help` to leave a flag out of `--help`
Options = TypeVar("Options")


class _Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Print descriptions as they are written, and default values other than `None`."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def option(default: Any, help: str | None = None, **about: Any) -> Any:
    """Declare a field of an options dataclass; a list is copied for each instance.

    Args:
        default: the value without the flag; `dataclasses.MISSING` makes the flag required.
        help: shown by `--help`.
        about: `least` and `most` of a number, see [`check_ranges`]; `may_change` and `needs`, see
            `teminal.training.config`; further arguments of `argparse.add_argument`.
    """
    metadata = {"help": help, **about} if help else about
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def check_ranges(options: Any, prefix: str = "") -> None:
    """Check that numbers are finite and lie between `least` and `most` of their [`option`].

    Raises:
        ValueError: a number is outside; the message names the flag, as `prefix` and field name.
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
    """Make a parser whose flags are the fields of dataclasses, and which raises a ValueError for a wrong flag."""
    from transformers import HfArgumentParser  # takes half a second

    class Parser(HfArgumentParser):
        def add_argument(self, *flags: str, **kwargs: Any) -> argparse.Action:
            if kwargs.get("nargs") == "+" and not kwargs.get("required") and kwargs.get("default") is None:
                kwargs["nargs"] = "*"
            for name in ("least", "most", "may_change", "needs"):  # of `option`; argparse does not know them
                kwargs.pop(name, None)
            return super().add_argument(*flags, **kwargs)

        def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
            words = sys.argv[1:] if args is None else args
            for flag, word in pairwise(["", *words]):
                if word == "" or (word.startswith("--") and word.endswith("=")):
                    raise ValueError(f"{word[:-1] or flag} is empty: give a value, or leave it out")
            return super().parse_known_args(args, namespace)

        def error(self, message: str) -> NoReturn:
            raise ValueError(re.sub(r"^argument (--[\w.]+)\S*: ", r"\1: ", message))

    return Parser(kinds, description=description, formatter_class=_Help, allow_abbrev=False)


def parse_options(
    kind: type[Options], argv: list[str] | None, description: str | None, first: Sequence[str] = ()
) -> Options:
    """Parse command-line flags into a dataclass, which checks itself in `__post_init__`.

    Args:
        kind: its fields are flags. A list takes several values (or none where the default is `None`); a field that is
            `True` by default also has a flag `--no_...`.
        argv: arguments; `None` for those of this process.
        description: shown by `--help`.
        first: fields whose values may be the first arguments, without their flags.

    Raises:
        ValueError, OSError: an option is wrong; the message names its flag.
        SystemExit: `--help`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    flags = []
    for name in first:
        if words and not words[0].startswith("-"):
            flags += [f"--{name}", words.pop(0)]
    return kind(**vars(make_parser([kind], description).parse_args(flags + words)))


def show_messages() -> None:
    """Print log messages of the library, and warnings of other libraries, to stderr."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("teminal").setLevel(logging.INFO)


def command(hint: str = "", name: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate the `main(argv=None)` of a command, so that errors are printed as one line without a traceback.

    An error that a user can fix (ValueError, OSError, FloatingPointError, MemoryError) ends the process with
    `name: error: ...`, Ctrl-C with `name: interrupted; hint`. `name` is by default that of the file. Import slow
    libraries inside `main`, so that this also covers their import.
    """

    def decorate(main: Callable[..., None]) -> Callable[..., None]:
        called = name or Path(inspect.getfile(main)).name

        @functools.wraps(main)
        def run(argv: list[str] | None = None) -> None:
            try:
                main(argv)
            except (ValueError, OSError, FloatingPointError, MemoryError) as error:
                traceback.clear_frames(error.__traceback__)  # closes progress bars, so that the error is the last line
                sys.exit(f"{called}: error: {' '.join(str(error).split())}")
            except KeyboardInterrupt as error:
                traceback.clear_frames(error.__traceback__)
                print(f"{called}: interrupted{'; ' if hint else ''}{hint}", file=sys.stderr)
                sys.exit(130)

        return run

    return decorate


COMMANDS = {
    "embed": "Embed the recordings of a folder into an index; the same command brings it up to date",
    "search": "Search an index by text, or by an example sound",
    "timeline": "Tell which sounds a recording holds, from when to when, and in which order",
    "export": "Export a checkpoint to ONNX, for machines without torch",
}


@command("run the same command again to continue", name="teminal")
def main(argv: list[str] | None = None) -> None:
    """Run the command that is installed with the package."""
    name, *words = (sys.argv[1:] if argv is None else argv) or [""]
    if name not in COMMANDS:
        listed = "\n".join(f"  {command:9}{about}" for command, about in COMMANDS.items())
        text = f"usage: teminal COMMAND ...; teminal COMMAND --help\n\n{listed}"
        if name in ("-h", "--help"):
            print(text)
            return
        sys.exit(text)
    try:
        {"embed": run_embed, "search": run_search, "timeline": run_timeline, "export": run_export}[name](words)
    except ImportError as error:
        extra = "onnx" if name == "export" else "search"
        raise ValueError(f"{error}; pip install 'teminal[{extra}]'") from error


def run_embed(words: list[str]) -> None:
    """Run `teminal embed`."""
    from teminal.search.options import EmbedOptions

    options = parse_options(EmbedOptions, words, COMMANDS["embed"], ["folder"])
    show_messages()
    from teminal.search.embed import embed_folder

    embed_folder(options)


def run_search(words: list[str]) -> None:
    """Run `teminal search`."""
    from teminal.search.options import QueryOptions

    options = parse_options(QueryOptions, words, COMMANDS["search"], ["index", "query"])
    show_messages()
    from teminal.search import commands

    commands.run_query(options)


def run_timeline(words: list[str]) -> None:
    """Run `teminal timeline`."""
    from teminal.search.options import TimelineOptions

    options = parse_options(TimelineOptions, words, COMMANDS["timeline"], ["file"])
    show_messages()
    from teminal.search import commands

    commands.run_timeline(options)


def run_export(words: list[str]) -> None:
    """Run `teminal export`."""
    from teminal.evaluation.inputs import load_test_clips
    from teminal.evaluation.options import ExportOptions

    options = parse_options(ExportOptions, words, COMMANDS["export"], ["model"])
    clips = load_test_clips(options.zste_options([options.model])) if options.int8 else None
    show_messages()
    from teminal.evaluation.onnx_card import export_model

    export_model(options, clips)
