"""Write files whole or not at all, lock output folders, find caches, and hide paths of this machine."""

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
LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)  # what a sync says of data that is not on disk
PATH_OPTIONS = ("config", "resume_from_checkpoint")  # take a path, as options in `_dir` and `_file` do
logger = logging.getLogger("teminal")


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a hidden file beside `path`, then rename it, so that a file of this name is always whole."""
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(beside)
        to_disk(beside)
        beside.replace(path)
        to_disk(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Make a file's content, or a folder's names, survive a power cut, where the system can.

    Windows opens no folders, and some network disks do not sync them.

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
    """Write a value as indented UTF-8 JSON, to a file that is whole or not there."""
    write_whole(path, lambda beside: beside.write_text(json.dumps(value, indent=2) + "\n", "utf-8"))


def read_json(path: Path) -> dict | None:
    """Read a JSON object; `None` if the file is missing, damaged, or holds something else."""
    try:
        known = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return known if isinstance(known, dict) else None


def file_sha256(path: Path) -> str:
    """Hash a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def lock_folder(folder: Path, what: str) -> Iterator[None]:
    """Make an output folder if need be, and keep other processes out of it, until this one ends.

    What a killed process was in the middle of writing is deleted first; a new folder in which nothing was left is
    deleted at the end.

    Args:
        folder: `--output_dir`, or a folder in it.
        what: is at work in the folder, such as "build", for the error.

    Raises:
        ValueError: another process is at work there.
        OSError: the folder cannot be written.
    """
    is_new = not folder.exists()
    lock = FileLock(folder / LOCK, timeout=0)  # the system drops it with the process
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"{folder}: another {what} is at work here; wait for it, or stop it") from error
    except NotImplementedError:
        logger.warning("%s: its disk has no file locks; see that nothing else writes there", folder)
    except OSError as error:
        raise OSError(f"--output_dir {folder}: cannot be written ({error.strerror}); name another") from error
    for leftover in folder.glob(".[0-9]*-*"):  # of `write_whole`
        leftover.unlink(missing_ok=True)
    try:
        yield
    finally:
        if is_new and {path.name for path in folder.iterdir()} <= {LOCK}:
            with suppress(OSError):  # Windows deletes no lock that is held
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()
        lock.release()


def assets_folder(namespace: str) -> Path:
    """Find the cache of decoded clips ("banks") or "embeddings", as [`huggingface_hub.cached_assets_path`] does.

    It lies in `HF_ASSETS_CACHE`, or in `assets` of `HF_HOME`.
    """
    return writable_or_temporary(Path(constants.HF_ASSETS_CACHE, "teminal", namespace, "default"), namespace)


def datasets_folder() -> str:
    """Find the `cache_dir` of [`datasets.load_dataset`]."""
    from datasets import config

    return str(writable_or_temporary(Path(config.HF_DATASETS_CACHE), "datasets"))


@functools.cache  # so that it warns once
def writable_or_temporary(folder: Path, name: str) -> Path:
    """Make `folder`, or where that cannot be written, warn and make a temporary one that the user's processes share.

    Raises:
        OSError: there is no temporary folder either.
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
    """Make `folder`, and a file in it that goes at once; raise an OSError where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def is_local_path(text: str) -> bool:
    """Whether a text is a path on this machine, and not the id of a repository, a number or prose."""
    path = Path(text)
    is_far = path.is_absolute() and len(path.parts) > 2  # "/" and "/x" may be anything
    return is_far or ".." in path.parts or text.startswith("~") or os.path.exists(text)


def hide_paths(content: Any, option: str = "") -> Any:
    """Replace every path on this machine, in JSON content or a text, by its last part.

    Args:
        option: the key that the content stands under; the value of an option that takes a path is one, even if
            nothing lies there.
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
