"""Files that are either whole or not there."""

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """`write` to a hidden file beside `path`, then rename, so that a file of this name is always whole."""
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    write(beside)
    beside.replace(path)


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed process left of `write_whole`."""
    for path in folder.glob(".[0-9]*-*"):
        path.unlink(missing_ok=True)
