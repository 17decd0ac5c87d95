"""Files that are either whole or not there."""

import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)  # what a sync says of data that is not on disk


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """`write` to a hidden file beside `path`, then rename, so that a file of this name is always whole."""
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(beside)
        to_disk(beside)
        beside.replace(path)
        to_disk(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Make what is written so far to a file survive a power cut; of a folder, the names in it. Where systems can:
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


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed process left of `write_whole`."""
    for path in folder.glob(".[0-9]*-*"):
        path.unlink(missing_ok=True)


def write_json(path: Path, value: dict) -> None:
    """A value as JSON in a file that is either whole or not there, in UTF-8."""
    write_whole(path, lambda beside: beside.write_text(json.dumps(value, indent=2) + "\n", "utf-8"))


def read_json(path: Path) -> dict | None:
    """What a file says, or `None` where it is missing or damaged."""
    try:
        known = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return known if isinstance(known, dict) else None


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
