"""Keep a folder to one process at a time, on Linux, macOS and Windows."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"
TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
logger = logging.getLogger("teminal")


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder's lock, which the system drops with this process, and which its children do not have.

    Args:
        folder: is there.
        what: is at work in the folder, such as "build", for the error.

    Raises:
        ValueError: another process holds it.
        OSError: the folder cannot be written.
    """
    with open(folder / LOCK, "w") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            if error.errno in TAKEN:
                raise ValueError(f"{folder}: another {what} is at work here; wait for it, or stop it") from error
            logger.warning("%s cannot be locked (%s): see that nothing else writes there", folder, error.strerror)
        yield


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
