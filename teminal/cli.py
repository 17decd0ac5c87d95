"""Parse options into a dataclass, end a command with a one-line error, and run `teminal embed` and the like."""

import argparse
import difflib
import functools
import inspect
import logging
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
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


def make_parser(
    kinds: list[Any], description: str | None, first: Sequence[str] = (), prog: str | None = None
) -> "HfArgumentParser":
    """Make a parser whose flags are the fields of dataclasses, and which raises a ValueError for a wrong flag.

    Args:
        first: fields whose values are arguments without a flag.
        prog: the command, if its name is not that of its file.
    """
    from transformers import HfArgumentParser  # takes half a second

    known_flags: list[str] = []

    class Parser(HfArgumentParser):
        def add_argument(self, *flags: str, **kwargs: Any) -> argparse.Action:
            known_flags.extend(flags)
            if kwargs.get("nargs") == "+" and not kwargs.get("required") and kwargs.get("default") is None:
                kwargs["nargs"] = "*"
            for name in ("least", "most", "may_change", "needs"):  # of `option`; argparse does not know them
                kwargs.pop(name, None)
            name = flags[0].removeprefix("--")
            if name in first:
                if not kwargs.pop("required", False):
                    kwargs["nargs"] = "?"
                return super().add_argument(name, metavar=name.upper(), **kwargs)
            if first and kwargs.get("const") is True:  # `--json TEXT` would take the text as its value
                kwargs = {"action": "store_true", "help": kwargs["help"]}
            return super().add_argument(*flags, **kwargs)

        def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
            words = sys.argv[1:] if args is None else args
            for before, word in pairwise(["", *words]):
                if word == "" or (word.startswith("--") and word.endswith("=")):
                    flag = word[:-1] or (before if before.startswith("-") else "an argument")
                    raise ValueError(f"{flag} is empty: give a value, or leave it out")
            return super().parse_known_args(args, namespace)

        def error(self, message: str) -> NoReturn:
            message = re.sub(r"^argument (--[\w.]+)\S*: ", r"\1: ", message)
            unknown = re.match(r"unrecognized arguments: (\S+)", message)
            if unknown and unknown[1].startswith("-"):
                close = difflib.get_close_matches(unknown[1].split("=")[0], known_flags, 1)
                message += f"; did you mean {close[0]}?" if close else ""
            elif unknown:
                message += "; put a text of several words in quotes"
            raise ValueError(message)

    return Parser(kinds, prog=prog, description=description, formatter_class=_Help, allow_abbrev=False)


def parse_options(
    kind: type[Options],
    argv: list[str] | None,
    description: str | None,
    first: Sequence[str] = (),
    prog: str | None = None,
) -> Options:
    """Parse command-line flags into a dataclass, which checks itself in `__post_init__`.

    Args:
        kind: its fields are flags. A list takes several values (or none where the default is `None`); a field that is
            `True` by default also has a flag `--no_...`.
        argv: arguments; `None` for those of this process.
        description: shown by `--help`.
        first: fields whose values may be given without their flags.
        prog: the command, if its name is not that of its file.

    Raises:
        ValueError, OSError: an option is wrong; the message names its flag.
        SystemExit: `--help`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    flags = {word.split("=")[0] for word in words}
    first = [name for name in first if f"--{name}" not in flags]
    return kind(**vars(make_parser([kind], description, first, prog).parse_intermixed_args(words)))


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


@dataclass(frozen=True)
class Command:
    """A command of `teminal`.

    Attributes:
        options: module and class of its options.
        first: options that may be given without their flags.
        run: module and function that takes the options.
    """

    about: str
    options: tuple[str, str]
    first: list[str]
    run: tuple[str, str]


OPTIONS = "teminal.search.options"
COMMANDS = {
    "embed": Command(
        "Embed the recordings of a folder into an index; the same command brings it up to date",
        (OPTIONS, "EmbedOptions"),
        ["folder"],
        ("teminal.search.embed", "embed_folder"),
    ),
    "search": Command(
        "Search an index by text, or by an example sound",
        (OPTIONS, "QueryOptions"),
        ["index", "query"],
        ("teminal.search.commands", "run_query"),
    ),
    "timeline": Command(
        "Tell which sounds a recording holds, from when to when, and in which order",
        (OPTIONS, "TimelineOptions"),
        ["file"],
        ("teminal.search.commands", "run_timeline"),
    ),
    "export": Command(
        "Export a checkpoint to ONNX, for machines without torch",
        ("teminal.evaluation.options", "ExportOptions"),
        ["model"],
        ("teminal.evaluation.onnx_card", "export_model"),
    ),
}


@command("run the same command again to continue", name="teminal")
def main(argv: list[str] | None = None) -> None:
    """Run the command that is installed with the package."""
    name, *words = (sys.argv[1:] if argv is None else argv) or [""]
    if name not in COMMANDS:
        listed = "\n".join(f"  {name:9}{command.about}" for name, command in COMMANDS.items())
        text = f"usage: teminal COMMAND ...; teminal COMMAND --help\n\n{listed}"
        if name in ("-h", "--help"):
            print(text)
            return
        if name:
            raise ValueError(f"{name} is no command; use {', '.join(COMMANDS)}")
        sys.exit(text)
    chosen = COMMANDS[name]
    try:
        kind = _import(*chosen.options)
        options = parse_options(kind, words, chosen.about, chosen.first, f"teminal {name}")
        show_messages()
        _import(*chosen.run)(options)
    except ImportError as error:
        extra = "onnx" if name == "export" else "search"
        raise ValueError(f"{error}; pip install 'teminal[{extra}]'") from error


def _import(module: str, name: str) -> Any:
    """Import on first use, for `teminal --help` shall not take seconds."""
    return getattr(import_module(module), name)
