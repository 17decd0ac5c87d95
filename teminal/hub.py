"""The Hub: may we write there, and a commit that goes through or leaves nothing visible."""

import logging
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from huggingface_hub import HfApi, constants, get_session, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError
from huggingface_hub.utils import validate_repo_id

ATTEMPTS = 5
WAIT_S = 2.0  # before the second attempt; twice as long before each further one
PASSING = (408, 412, 429)  # 412: someone else has pushed since

logger = logging.getLogger("teminal")


def check_repo_id(flag: str, repo_id: str) -> None:
    """Raise a ValueError if `repo_id`, which comes from `flag`, cannot be the id of a repository of somebody's."""
    if repo_id.count("/") != 1:
        raise ValueError(f"{flag} {repo_id}: must be OWNER/NAME, such as me/sounds")
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(f"{flag} {repo_id}: {error}") from error


def check_hub_access(flag: str, repo_id: str, repo_type: str, private: bool) -> None:
    """Create the repository if it is not there, and make sure that it can be written to.

    Args:
        flag: where `repo_id` comes from, such as "--hub_model_id", for errors.
        repo_type: `"dataset"`, `"model"` or `"space"` (of Gradio).

    Raises:
        ValueError: the id is malformed, the token is missing or may not write, or the repository is public and
            should be `private`.
        OSError: the Hub is out of reach or out of order.
    """
    check_repo_id(flag, repo_id)
    flag = f"{flag} {repo_id}"
    if get_token() is None:
        raise ValueError(f"{flag}: there is no Hugging Face token; run `hf auth login` or set HF_TOKEN")
    api = HfApi()
    try:
        space_sdk = "gradio" if repo_type == "space" else None
        api.create_repo(repo_id, repo_type=repo_type, private=private, exist_ok=True, space_sdk=space_sdk)
        api.auth_check(repo_id, repo_type=repo_type, write=True)
        is_private = api.repo_info(repo_id, repo_type=repo_type).private
    except (HTTPError, OSError) as error:
        if refusal := _refusal(flag, error):
            raise refusal from error
        raise OSError(f"{flag}: the Hub cannot be used now ({_reason(error)}); try again later") from error
    if private and not is_private:
        raise ValueError(f"{flag}: it exists and is public; make it private in its settings, or ask for a public one")


def list_files(repo: str, files: dict[str, bytes | Path]) -> str:
    """What would be sent to a repository such as `"datasets/me/sounds"`: a line per file, with its size in bytes."""
    sizes = {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size for name, content in files.items()
    }
    lines = [f"{size:>15,}  {name}" for name, size in sorted(sizes.items())]
    where = f"nothing was sent; in one commit to {constants.ENDPOINT}/{repo} would go, in bytes:"
    return "\n".join([where, *lines, f"{sum(sizes.values()):>15,}  in all"])


def commit_with_retries(flag: str, what: str, cure: str, commit: Callable[[], str]) -> str:
    """Call `commit`, which returns its URL; what fails in passing is tried again, `ATTEMPTS` times in all.

    Args:
        flag: with its value, for errors.
        what: is published.
        cure: what to do where it did not go through, for the error.

    Raises:
        ValueError: the Hub refuses.
        OSError: it did not go through; the Hub shows what it showed before.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return commit()
        except (HTTPError, OSError, RuntimeError) as error:
            if refusal := _refusal(flag, error):
                raise refusal from error
            if attempt == ATTEMPTS:
                raise OSError(
                    f"{flag}: nothing of {what} was published, after {ATTEMPTS} attempts ({_reason(error)}); {cure}"
                ) from error
            wait_s = WAIT_S * 2 ** (attempt - 1)
            logger.warning("upload failed (%s), again in %g s", _reason(error), wait_s)
            time.sleep(wait_s)


def _refusal(flag: str, error: Exception) -> ValueError | None:
    """What to tell the user where trying again is of no use."""
    cause = _cause(error)
    status = cause.response.status_code if isinstance(cause, HfHubHTTPError) else None
    if status is None or status >= 500 or status in PASSING:
        return None
    told = {
        401: "the token is not valid, or sees no such repository; run `hf auth login`",
        403: "the token may not write there; use one with write access (https://huggingface.co/settings/tokens)",
        404: "no such repository, or the token does not see it",
    }
    return ValueError(f"{flag}: {told.get(status, _reason(error))} (status {status})")


def _cause(error: Exception) -> Exception:
    """The library wraps what went wrong with a file in a RuntimeError."""
    return error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error


def _reason(error: Exception) -> str:
    cause = _cause(error)
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


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
