"""Write files atomically, lock output folders, find cache folders, and remove local paths from what is published."""

import errno
import functools
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from huggingface_hub import constants

LOCK = ".lock"
LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)  # errors of a sync that mean that data is lost
PATH_OPTIONS = ("config", "resume_from_checkpoint")  # options whose value is a path, like those in `_dir` and `_file`
logger = logging.getLogger("teminal")


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file atomically: call `write` with a hidden file beside `path`, then rename that to `path`."""
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(beside)
        to_disk(beside)
        beside.replace(path)
        to_disk(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk, so that they survive a power cut.

    Does nothing where the system cannot sync: Windows and some network disks refuse it for folders.

    Raises:
        OSError: the disk is full or broken.
    """
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in LOST and not is_folder:
            raise


def write_json(path: Path, value: dict) -> None:
    """Write indented JSON atomically."""
    write_whole(path, lambda beside: beside.write_text(json.dumps(value, indent=2) + "\n", "utf-8"))


def read_json(path: Path) -> dict | None:
    """Read a JSON object; `None` if the file is missing, damaged, or holds something else."""
    try:
        known = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return known if isinstance(known, dict) else None


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock_folder(folder: Path, what: str, flag: str = "--output_dir") -> Iterator[None]:
    """Create an output folder if needed, and lock it against other processes.

    Temporary files of a killed process are deleted first. A folder created here that stays empty is deleted at the
    end.

    Args:
        folder: the value of `flag`, or a folder in it.
        what: name of the work for the error message, such as "build".

    Raises:
        ValueError: another process has locked it.
        OSError: the folder cannot be written.
    """
    is_new = not folder.exists()
    lock = FileLock(folder / LOCK, timeout=0)  # the system releases it when the process ends
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"{folder}: another {what} is at work here; wait for it, or stop it") from error
    except NotImplementedError:
        logger.warning("%s: its disk has no file locks; see that nothing else writes there", folder)
    except OSError as error:
        raise OSError(f"{flag} {folder}: cannot be written ({error.strerror}); name another") from error
    for leftover in folder.glob(".[0-9]*-*"):  # of `write_whole`
        leftover.unlink(missing_ok=True)
    try:
        yield
    finally:
        if is_new and {path.name for path in folder.iterdir()} <= {LOCK}:
            with suppress(OSError):  # Windows cannot delete a lock that is held
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()
        lock.release()


def assets_folder(namespace: str) -> Path:
    """Return the cache folder of decoded clips ("banks"), "embeddings" or a "library", in `HF_ASSETS_CACHE`."""
    return writable_or_temporary(Path(constants.HF_ASSETS_CACHE, "teminal", namespace, "default"), namespace)


@functools.cache  # so that it warns once
def writable_or_temporary(folder: Path, name: str) -> Path:
    """Create `folder`; if it cannot be written, warn and create a temporary folder of this user instead.

    Raises:
        OSError: the temporary folder cannot be written either.
    """
    folder = folder.expanduser().absolute()
    try:
        check_writable(folder)
        return folder
    except OSError as error:
        reason = error.strerror or error
    user = os.getuid() if os.name == "posix" else "user"
    temporary = Path(tempfile.gettempdir()) / f"teminal-cache-{user}" / name
    temporary.parent.mkdir(mode=0o700, exist_ok=True)
    if os.name == "posix" and temporary.parent.stat().st_uid != user:
        raise PermissionError(f"{temporary.parent} belongs to somebody else: set TMPDIR to a folder of your own")
    check_writable(temporary)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        logger.warning("cache %s cannot be written (%s): %s is used; HF_HOME names another", folder, reason, temporary)
    return temporary


def check_writable(folder: Path) -> None:
    """Create `folder`, and raise an OSError if no file can be written in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def is_local_path(text: str) -> bool:
    """Tell whether a text is a path on this machine, rather than a repository id, a number or prose."""
    path = Path(text)
    is_deep = path.is_absolute() and len(path.parts) > 2  # "/" and "/x" may be anything
    return is_deep or ".." in path.parts or text.startswith("~") or os.path.exists(text)


def hide_paths(content: Any, option: str = "") -> Any:
    """Replace every local path in JSON content, or in a text, by its last part.

    Args:
        option: key of the content. The value of an option that takes a path counts as one even if it does not exist.
    """
    if isinstance(content, dict):
        return {key: hide_paths(value, str(key)) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [hide_paths(value, option) for value in content]
    if not isinstance(content, str) or not content:
        return content
    takes_path = option.endswith(("_dir", "_file")) or option in PATH_OPTIONS
    is_path = takes_path or is_local_path(content)
    return os.path.basename(os.path.abspath(content)) or content if is_path else content
