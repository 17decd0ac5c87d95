"""Do not wait for a Hub that is out of reach."""

import logging
import os
import sys
from functools import cache
from pathlib import Path

from huggingface_hub import constants, get_session
from huggingface_hub.errors import HTTPError

TIMEOUT_S = 5.0
logger = logging.getLogger("teminal")


def use_cache_if_hub_is_away(name_or_path: str) -> None:
    """Ask the Hub once whether it is there; if not, use what is cached, as with `HF_HUB_OFFLINE=1`.

    Its clients try again for up to a minute before they look into their cache.

    Args:
        name_or_path: what is to be loaded; of a local folder the Hub is not asked.
    """
    if Path(name_or_path).exists() or constants.is_offline_mode():
        return
    if reason := _why_away(constants.ENDPOINT):
        logger.warning("%s cannot be reached (%s): only what is in the cache is used", constants.ENDPOINT, reason)
        os.environ["HF_HUB_OFFLINE"] = "1"  # for libraries that are imported later, and for other processes
        constants.HF_HUB_OFFLINE = True
        if "datasets" in sys.modules:
            sys.modules["datasets"].config.HF_HUB_OFFLINE = True


@cache
def _why_away(endpoint: str) -> str:
    """Why the Hub cannot be reached; nothing if it can."""
    try:
        get_session().head(endpoint, timeout=TIMEOUT_S)
    except (HTTPError, OSError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return ""


def why_not_loaded(name_or_path: str, error: Exception) -> str:
    """Say in one line why a folder, or what is no folder here and so a Hub id, cannot be loaded."""
    reason = " ".join(str(error).split())
    if Path(name_or_path).is_dir():
        return reason
    if constants.is_offline_mode():
        return "no such folder, not in the cache, and the Hub cannot be reached"
    return f"no such folder, and from the Hub: {reason}"
