"""Keep a folder to one process at a time."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCK = ".lock"
logger = logging.getLogger("teminal")


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder's lock, which the system drops with this process.

    Args:
        folder: is there.
        what: is at work in the folder, such as "build", for the error.

    Raises:
        ValueError: another process holds it.
        OSError: the folder cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ValueError(f"{folder}: another {what} is at work here; wait for it, or stop it") from error
    except NotImplementedError:
        logger.warning("%s: its disk has no file locks; see that nothing else writes there", folder)
    try:
        yield
    finally:
        lock.release()
