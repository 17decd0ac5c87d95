"""A command ends in one line; its options are a dataclass."""

from dataclasses import MISSING, dataclass
from pathlib import Path

import pytest
from tqdm import tqdm

from teminal.cli import command, parse_options
from teminal.options import option


@dataclass(kw_only=True)
class Options:
    path: str = option(MISSING)
    folds: list[int] | None = option(None, "all by default")
    sizes: list[int] = option([1, 2], "of things")


def ends_with(error: BaseException):
    """A command that works for a while, and then raises."""

    @command("go on")
    def main(argv=None):
        bar = tqdm(total=2, desc="work")
        bar.update()
        raise error

    return main


@pytest.mark.parametrize("kind", [ValueError, OSError])
def test_errors_for_the_user_are_one_line_after_the_progress_bars(kind, capsys):
    with pytest.raises(SystemExit) as ended:
        ends_with(kind("not valid YAML:\n  in line 3"))()
    assert ended.value.code == "test_cli.py: error: not valid YAML: in line 3"
    assert capsys.readouterr().err.endswith("\n"), "the bar has ended its line"


def test_an_interrupt_is_one_line_after_the_progress_bars(capsys):
    with pytest.raises(SystemExit) as ended:
        ends_with(KeyboardInterrupt())()
    assert ended.value.code == 130
    assert capsys.readouterr().err.endswith("\ntest_cli.py: interrupted; go on\n")


def test_a_fault_of_ours_is_a_traceback():
    with pytest.raises(KeyError):
        ends_with(KeyError("a fault of ours"))()


def test_options_are_the_fields_of_a_dataclass():
    assert parse_options(Options, ["--path", "x"], None) == Options(path="x", folds=None, sizes=[1, 2])
    assert parse_options(Options, ["--path", "x", "--folds"], None).folds == []
    for wrong in ([], ["--path", "x", "--wrong"], ["--path", "x", "--sizes"], ["--path", "x", "--folds", "a"]):
        with pytest.raises(ValueError, match=r"required|unrecognized|expected|invalid"):
            parse_options(Options, wrong, None)


@dataclass(kw_only=True)
class Words:
    folder: Path = option(MISSING, "to look in")
    text: str | None = option(None, "to look for")
    size: int = option(1, "of things")
    json: bool = option(False, "print JSON")


@pytest.mark.parametrize(
    "words",
    ["x y --size 2 --json", "--size 2 x --json y", "--json --folder x y --size 2", "--json --text y x --size 2"],
)
def test_words_may_stand_anywhere_or_behind_their_flags(words):
    found = parse_options(Words, words.split(), None, ["folder", "text"])
    assert found == Words(folder=Path("x"), text="y", size=2, json=True)
    assert parse_options(Words, ["x"], None, ["folder", "text"]) == Words(folder=Path("x"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: FOLDER$"),
        (["x", "y", "z"], "unrecognized arguments: z; put a text of several words in quotes$"),
        (["x", "--sise", "2"], "unrecognized arguments: --sise 2; did you mean --size?"),
        (["x", ""], "an argument is empty"),
        (["x", "--text", ""], "--text is empty"),
    ],
)
def test_wrong_words_are_named(words, message):
    with pytest.raises(ValueError, match=message):
        parse_options(Words, words, None, ["folder", "text"])


def test_help_shows_words_without_their_flags(capsys):
    with pytest.raises(SystemExit):
        parse_options(Words, ["--help"], None, ["folder", "text"], prog="look")
    text = capsys.readouterr().out
    assert text.startswith("usage: look [-h] [--size SIZE] [--json] FOLDER [TEXT]")
    assert "--folder" not in text


def test_help_names_default_values_but_not_none(capsys):
    with pytest.raises(SystemExit):
        parse_options(Options, ["--help"], "What it does.")
    text = capsys.readouterr().out
    assert "(default: [1, 2])" in text
    assert "None" not in text
