"""Where what is made once is kept; a temporary folder where that cannot be written."""

import functools
import logging
import os
import tempfile
from pathlib import Path

from huggingface_hub import constants

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
