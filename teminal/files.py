"""Files that are either whole or not there."""

import errno
import functools
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from huggingface_hub import constants

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


logger = logging.getLogger(__name__)


def assets_folder(namespace: str) -> Path:
    """The folder of decoded clips ("banks") or "embeddings", which [`huggingface_hub.cached_assets_path`] gives too.

    It lies in `HF_ASSETS_CACHE`, or in `assets` of `HF_HOME`.
    """
    return writable_or_temporary(Path(constants.HF_ASSETS_CACHE, "teminal", namespace, "default"), namespace)


def datasets_folder() -> str:
    """`cache_dir` of [`datasets.load_dataset`]."""
    from datasets import config

    return str(writable_or_temporary(Path(config.HF_DATASETS_CACHE), "datasets"))


@functools.cache  # so that it warns once
def writable_or_temporary(folder: Path, name: str) -> Path:
    """`folder`, made if need be; or a temporary one of this name, which all processes of a user share, and a warning.

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
    """Make `folder` and a file in it that goes at once.

    Raises:
        OSError: it cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


PATHS = ("config", "resume_from_checkpoint")  # options that take a path, as those in `_dir` and `_file` do


def is_place(text: str) -> bool:
    """Whether a text is a path on this machine, and not the id of a repository, a number or prose."""
    path = Path(text)
    is_far = path.is_absolute() and len(path.parts) > 2  # "/" and "/x" may be anything
    return is_far or ".." in path.parts or text.startswith("~") or os.path.exists(text)


def place_name(text: str) -> str:
    """The last part of a path on this machine; any other text as it is."""
    return _last_part(text) if is_place(text) else text


def option_value(option: str, value: str) -> str:
    """What is told of an option's value: of a path the last part, also where nothing lies there yet or any more."""
    takes_path = option.endswith(("_dir", "_file")) or option in PATHS
    return _last_part(value) if takes_path and value else place_name(value)


def without_places(content, option: str = ""):
    """JSON content in which every text that is a path on this machine is told by its last part.

    Args:
        option: the key that the content stands under.
    """
    if isinstance(content, dict):
        return {key: without_places(value, str(key)) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [without_places(value, option) for value in content]
    return option_value(option, content) if isinstance(content, str) else content


def _last_part(path: str) -> str:
    return os.path.basename(os.path.abspath(path)) or path


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
