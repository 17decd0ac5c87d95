"""A folder is one process's at a time, also where there is no fcntl."""

import ast
import os
import subprocess
import sys

import pytest
from filelock import FileLock

from teminal.files import locked

from .conftest import ROOT

TRY = """
import sys
from pathlib import Path
from teminal.files import locked
with locked(Path(sys.argv[1]), "build"):
    print("mine")
"""
LEAVE_A_CHILD = """
import os, sys, time
from pathlib import Path
from teminal.files import locked
with locked(Path(sys.argv[1]), "build"):
    child = os.fork()
    if not child:
        time.sleep(100)
    print(child, flush=True)
    os.kill(os.getpid(), 9)
"""


def try_lock(folder):
    return subprocess.run([sys.executable, "-c", TRY, folder], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_second_process_is_refused_until_the_first_lets_go(tmp_path):
    with locked(tmp_path, "build"):
        assert f"{tmp_path}: another build is at work here" in try_lock(tmp_path).stderr
    assert try_lock(tmp_path).stdout == "mine\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_worker_that_outlives_a_killed_run_holds_nothing(tmp_path):
    command = [sys.executable, "-c", LEAVE_A_CHILD, tmp_path]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        child = int(process.stdout.readline())
        process.wait()
    try:
        assert try_lock(tmp_path).stdout == "mine\n"
    finally:
        os.kill(child, 9)


def test_a_disk_without_locks_is_used_with_a_warning(tmp_path, monkeypatch, caplog):
    def refuse(lock):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with locked(tmp_path, "build"):
        assert "has no file locks" in caplog.text


def test_training_needs_nothing_that_windows_lacks():
    files = [ROOT / "train_accelerate.py", *(ROOT / "teminal" / "training").glob("*.py")]
    assert len(files) > 30
    for path in files:
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {"fcntl", "grp", "pwd", "resource", "termios"} & set(names), path
