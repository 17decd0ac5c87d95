"""Files are whole or not there, a folder is one process's at a time, and no path of this machine is published."""

import errno
import os
import subprocess
import sys

import pytest
from filelock import FileLock, Timeout

from teminal import files
from teminal.files import hide_paths, is_local_path, lock_folder, read_json, to_disk, write_json, write_whole

from .conftest import ROOT


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/home/me/clap", "clap"),
        ("/home/me/clap/", "clap"),
        ("../me/clap", "clap"),
        ("~/clap", "clap"),
        ("here/clap", "clap"),
        ("laion/clap", "laion/clap"),
        ("</s>", "</s>"),
        ("A dog barks, then it rains.", "A dog barks, then it rains."),
        ("", ""),
    ],
)
def test_a_place_is_told_by_its_last_part(tmp_path, monkeypatch, text, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here" / "clap").mkdir(parents=True)
    assert hide_paths(text) == name
    assert is_local_path(text) == (text != name)


def test_here_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hide_paths(".") == tmp_path.name


def test_places_anywhere_in_json_are_told_by_name():
    content = {"recipe": {"audio_dir": "/data/me/ESC-50", "wise_ft": [0.8], "seed": 0}, "files": ["/a/b/x.json", None]}
    told = {"recipe": {"audio_dir": "ESC-50", "wise_ft": [0.8], "seed": 0}, "files": ["x.json", None]}
    assert hide_paths(content) == told


def test_options_that_take_a_path_are_told_by_its_last_part_wherever_it_is_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"resume_from_checkpoint": "runs/a/checkpoint-100", "config": "mine/x.yaml", "audio_dir": "data/sounds"}
    told = {"resume_from_checkpoint": "checkpoint-100", "config": "x.yaml", "audio_dir": "sounds"}
    assert hide_paths(settings) == told
    kept = {"resume_from_checkpoint": "latest", "model_name_or_path": "laion/clap", "audio_dir": None, "config": ""}
    assert hide_paths(kept) == kept


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]", b"\xff\xfe"])
def test_json_that_is_damaged_counts_as_missing(tmp_path, content):
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    assert read_json(tmp_path / "x.json") is None


def test_json_that_may_not_be_read_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda _: (_ for _ in ()).throw(PermissionError("no")))
    with pytest.raises(PermissionError):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize("error", [OSError(), PermissionError(errno.EACCES, "no"), OSError(errno.EINVAL, "no")])
def test_systems_that_do_not_sync(tmp_path, monkeypatch, error):
    def refuse(_):
        raise error

    monkeypatch.setattr(os, "fsync", refuse)
    write_whole(tmp_path / "x", lambda file: file.write_text("whole"))
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_file_that_is_not_on_disk_is_not_whole(tmp_path, monkeypatch):
    def refuse(_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", refuse)
    to_disk(tmp_path)
    with pytest.raises(OSError, match="broken"):
        write_whole(tmp_path / "x", lambda file: file.write_text("whole"))
    assert not list(tmp_path.iterdir())


def test_file_and_folder_are_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "to_disk", lambda path: synced.append((path.name, path.exists())))
    write_whole(tmp_path / "x", lambda file: file.write_text("whole"))
    assert synced == [(f".{os.getpid()}-x", True), (tmp_path.name, True)]


def test_json_is_whole_and_of_one_form(tmp_path):
    write_json(tmp_path / "x.json", {"class": "Möwe", "n": 1})
    assert read_json(tmp_path / "x.json") == {"class": "Möwe", "n": 1}
    text = (tmp_path / "x.json").read_bytes().decode("utf-8")
    assert text.endswith("}\n")
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"n": object()})
    assert (tmp_path / "x.json").read_text("utf-8") == text
    assert os.listdir(tmp_path) == ["x.json"]


TRY = """
import sys
from pathlib import Path
from teminal.files import lock_folder
with lock_folder(Path(sys.argv[1]), "build"):
    print("mine")
"""
LEAVE_A_CHILD = """
import os, sys, time
from pathlib import Path
from teminal.files import lock_folder
with lock_folder(Path(sys.argv[1]), "build"):
    child = os.fork()
    if not child:
        time.sleep(100)
    print(child, flush=True)
    os.kill(os.getpid(), 9)
"""


def try_lock(folder):
    return subprocess.run([sys.executable, "-c", TRY, folder], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_second_process_is_refused_until_the_first_lets_go(tmp_path):
    with lock_folder(tmp_path, "build"):
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
    with lock_folder(tmp_path, "build"):
        assert "has no file locks" in caplog.text


def test_a_new_folder_in_which_nothing_was_left_is_gone(tmp_path):
    with lock_folder(tmp_path / "run", "run"):
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()
    with lock_folder(tmp_path, "run"):
        assert (tmp_path / ".lock").is_file()
    assert tmp_path.is_dir()


def test_a_new_folder_that_another_process_has_locked_meanwhile_is_left_alone(tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def be_second(lock):
        (folder / ".lock").touch()
        raise Timeout(str(folder))

    monkeypatch.setattr(FileLock, "acquire", be_second)
    with pytest.raises(ValueError, match="another run is at work here"), lock_folder(folder, "run"):
        pytest.fail("not refused")
    assert (folder / ".lock").is_file()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    message = r"--output_dir .*/file: cannot be written \(File exists\)"
    with pytest.raises(OSError, match=message), lock_folder(tmp_path / "file", "run"):
        pytest.fail("not refused")


def test_what_a_killed_process_was_writing_is_deleted(tmp_path):
    (tmp_path / ".123-results.json").write_text("some of it")
    with lock_folder(tmp_path, "run"):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
