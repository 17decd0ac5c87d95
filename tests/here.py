"""Run a command in this process, without the seconds that the imports of a new one take."""

import atexit
import io
import logging
import os
import runpy
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest import mock

import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

ROOT = Path(__file__).parents[1]


def run_here(script: str, *args: object) -> CompletedProcess:
    """Run a script of the repository as from its root, and leave this process as it was.

    Logging goes to stderr as in a process of its own; what the script's worker processes write there does not.
    """
    command, out, err = [script, *map(str, args)], io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), chdir(ROOT), mock.patch.object(sys, "argv", command), as_if_new():
        try:
            runpy.run_path(script, run_name="__main__")
            returncode = 0
        except SystemExit as ended:
            returncode = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            if isinstance(ended.code, str):
                print(ended.code, file=sys.stderr)
        except Exception:
            traceback.print_exc()
            returncode = 1
    return CompletedProcess(command, returncode, out.getvalue(), err.getvalue())


@contextmanager
def as_if_new() -> Iterator[None]:
    """No logging, no accelerator, and what is to be done at the end of the process is done at the end of this."""
    root, deterministic = logging.getLogger(), torch.are_deterministic_algorithms_enabled()
    handlers, level = root.handlers, root.level
    root.handlers = []
    root.setLevel(logging.WARNING)
    with ExitStack() as restored, ExitStack() as at_end:
        for state in (PartialState, AcceleratorState, GradientState):
            restored.enter_context(mock.patch.dict(state._shared_state, clear=True))
        restored.enter_context(mock.patch.dict(os.environ))
        restored.enter_context(mock.patch.object(sys, "excepthook", sys.excepthook))
        restored.enter_context(warnings.catch_warnings())
        register = atexit.register

        def of_command(function, *args, **kwargs):
            """Libraries register what is for the end of this process alone."""
            is_claim = isinstance(getattr(function, "__self__", None), ExitStack)
            return (at_end.callback if is_claim else register)(function, *args, **kwargs)

        restored.enter_context(mock.patch.object(atexit, "register", of_command))
        try:
            yield
        finally:
            root.handlers = handlers
            root.setLevel(level)
            torch.use_deterministic_algorithms(deterministic)
