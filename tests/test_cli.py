"""A command ends in one line; its options are a dataclass."""

from dataclasses import MISSING, dataclass

import pytest
from tqdm import tqdm

from teminal.cli import command, option, parse_options


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
    assert parse_options(Options, ["x", "--folds", "1", "2"], None, first=["path"]).folds == [1, 2]
    for wrong in ([], ["--path", "x", "--wrong"], ["--path", "x", "--sizes"], ["--path", "x", "--folds", "a"]):
        with pytest.raises(ValueError, match=r"required|unrecognized|expected|invalid"):
            parse_options(Options, wrong, None)


def test_help_names_default_values_but_not_none(capsys):
    with pytest.raises(SystemExit):
        parse_options(Options, ["--help"], "What it does.")
    text = capsys.readouterr().out
    assert "(default: [1, 2])" in text
    assert "None" not in text
