"""What ends a command is said in one line."""

import subprocess
import sys

import pytest
from tqdm import tqdm

from teminal.endings import errors_in_one_line, interrupts_in_one_line

from .conftest import ROOT

INTERRUPTED = """
from teminal.endings import interrupts_in_one_line
interrupts_in_one_line("prog.py", "go on")
raise {kind}("while it imports")
"""


@pytest.mark.parametrize(
    ("kind", "said"), [("KeyboardInterrupt", "prog.py: interrupted; go on"), ("KeyError", "Traceback")]
)
def test_ctrl_c_while_importing_is_one_line_and_a_fault_is_not(kind, said):
    code = INTERRUPTED.format(kind=kind)
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    lines = result.stderr.splitlines()
    assert lines[0].startswith(said)
    assert (len(lines) == 1) == (kind == "KeyboardInterrupt")


def test_errors_of_the_kinds_that_are_named_end_in_one_line():
    with pytest.raises(SystemExit) as end, errors_in_one_line("prog.py", ValueError, OSError):
        raise ValueError("not valid YAML:\n  in line 3")
    assert end.value.code == "prog.py: error: not valid YAML: in line 3"
    with pytest.raises(KeyError), errors_in_one_line("prog.py", ValueError):
        raise KeyError("a fault of ours")


def test_the_error_comes_after_the_progress_bars(capsys):
    def work():
        bar = tqdm(total=2, desc="work")
        bar.update()
        raise ValueError("no more")

    with pytest.raises(SystemExit), errors_in_one_line("prog.py", ValueError):
        work()
    assert capsys.readouterr().err.endswith("\n"), "the bar has ended its line"


def test_the_interrupt_comes_after_the_progress_bars(capsys, monkeypatch):
    def work():
        bar = tqdm(total=2, desc="work")
        bar.update()
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    interrupts_in_one_line("prog.py")
    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    sys.excepthook(caught.type, caught.value, caught.tb)
    assert capsys.readouterr().err.endswith("\nprog.py: interrupted\n"), "the bar has ended its line"
