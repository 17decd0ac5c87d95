"""A folder is one process's at a time, also where there is no fcntl."""

import errno
import os
import subprocess
import sys
import time
import types

import pytest

from dataset_scripts.atomic import to_disk
from dataset_scripts.locks import locked

from .conftest import ROOT

TRY = """
import sys
import time
from pathlib import Path
from dataset_scripts.locks import locked
with locked(Path(sys.argv[1]), "build"):
    print("mine")
"""


def try_lock(folder):
    return subprocess.run([sys.executable, "-c", TRY, folder], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_second_process_is_refused_until_the_first_lets_go(tmp_path):
    with locked(tmp_path, "build"):
        assert f"{tmp_path}: another build is at work here" in try_lock(tmp_path).stderr
    assert try_lock(tmp_path).stdout == "mine\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_that_outlives_its_parent_holds_nothing(tmp_path):
    with locked(tmp_path, "build"):
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
    try:
        assert try_lock(tmp_path).stdout == "mine\n"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


@pytest.mark.parametrize(("number", "refused"), [(errno.EACCES, True), (errno.ENOSYS, False)])
def test_without_fcntl_windows_locks(tmp_path, monkeypatch, number, refused):
    def locking(descriptor, mode, n_bytes):
        raise OSError(number, "said by Windows")

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(LK_NBLCK=2, locking=locking))
    if refused:
        with pytest.raises(ValueError, match="another build"), locked(tmp_path, "build"):
            pytest.fail("not refused")
    else:
        with locked(tmp_path, "build"):
            assert (tmp_path / ".lock").is_file()


def test_folders_that_the_system_does_not_sync_are_left_alone(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("x")
    to_disk(file)
    to_disk(tmp_path)

    def refuse(descriptor):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    to_disk(tmp_path)
    with pytest.raises(OSError, match="Invalid"):
        to_disk(file)
    monkeypatch.setattr(os, "open", lambda *args: refuse(0))  # Windows
    to_disk(tmp_path)
