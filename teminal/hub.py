"""Upload to the Hub in one commit or not at all, and work offline when the Hub cannot be reached."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_session, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError
from huggingface_hub.utils import validate_repo_id

ATTEMPTS = 5
WAIT_S = 2.0  # before the second attempt; twice as long before each further one
PASSING = (408, 412, 429)  # status codes worth another attempt; 412: someone else has pushed meanwhile
TIMEOUT_S = 5.0
REFUSALS = {
    401: "the token is not valid, or sees no such repository; run `hf auth login`",
    403: "the token may not write there; use one with write access (https://huggingface.co/settings/tokens)",
    404: "no such repository, or the token does not see it",
}

Files = dict[str, bytes | Path]  # name on the Hub -> content, or the file that holds it
logger = logging.getLogger("teminal")


def check_repo_id(flag: str, repo_id: str) -> None:
    """Raise a ValueError that names `flag` if `repo_id` is not of the form OWNER/NAME."""
    if repo_id.count("/") != 1:
        raise ValueError(f"{flag} {repo_id}: must be OWNER/NAME, such as me/sounds")
    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise ValueError(f"{flag} {repo_id}: {error}") from error


def check_hub_access(flag: str, repo_id: str, repo_type: str, private: bool) -> None:
    """Create the repository if it does not exist, and check that it can be written to.

    Args:
        flag: option that holds `repo_id`, such as "--hub_model_id", for error messages.
        repo_type: `"dataset"`, `"model"` or `"space"` (with Gradio).

    Raises:
        ValueError: the id is malformed, the token is missing or may not write, or `private` is asked for and the
            repository is public.
        OSError: the Hub cannot be reached or does not work.
    """
    check_repo_id(flag, repo_id)
    flag = f"{flag} {repo_id}"
    if get_token() is None:
        raise ValueError(f"{flag}: there is no Hugging Face token; run `hf auth login` or set HF_TOKEN")
    api = HfApi()
    with _explained(flag, "the Hub cannot be used now", "try again later"):
        space_sdk = "gradio" if repo_type == "space" else None
        api.create_repo(repo_id, repo_type=repo_type, private=private, exist_ok=True, space_sdk=space_sdk)
        api.auth_check(repo_id, repo_type=repo_type, write=True)
        is_private = api.repo_info(repo_id, repo_type=repo_type).private
    if private and not is_private:
        raise ValueError(f"{flag}: it exists and is public; make it private in its settings, or ask for a public one")


def list_files(repo: str, files: Files) -> str:
    """List the files that would be uploaded to a repository such as `"datasets/me/sounds"`, with sizes in bytes."""
    sizes = {
        name: len(content) if isinstance(content, bytes) else content.stat().st_size for name, content in files.items()
    }
    lines = [f"{size:>15,}  {name}" for name, size in sorted(sizes.items())]
    where = f"nothing was sent; in one commit to {constants.ENDPOINT}/{repo} would go, in bytes:"
    return "\n".join([where, *lines, f"{sum(sizes.values()):>15,}  in all"])


def push_files(
    flag: str,
    repo_id: str,
    repo_type: str,
    files: Files | Callable[[str | None, list[str]], Files],
    message: str,
    cure: str,
    stale: tuple[str, ...] = (),
) -> str:
    """Upload files in one commit, and return its URL; retry what may be a passing failure.

    Args:
        flag: option that holds `repo_id`, for error messages.
        files: or a function that makes them from the revision on the Hub and the names of its files.
        message: commit message.
        cure: what to do if the upload fails, for the error message.
        stale: name patterns; files on the Hub that match, and are not uploaded again, are deleted.

    Raises:
        ValueError: the Hub refuses.
        OSError: the upload failed; the repository is unchanged.
    """
    import tenacity  # needed only to publish

    api = HfApi()

    def commit() -> str:
        parent = api.repo_info(repo_id, repo_type=repo_type).sha
        there = api.list_repo_files(repo_id, repo_type=repo_type, revision=parent)
        content = files(parent, there) if callable(files) else files
        gone = [name for name in there if name not in content and any(fnmatch(name, pattern) for pattern in stale)]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationDelete(name) for name in gone]
        operations += [CommitOperationAdd(name, what) for name, what in content.items()]
        try:
            done = api.create_commit(
                repo_id, operations, commit_message=message, repo_type=repo_type, parent_commit=parent
            )
        except RuntimeError as error:  # wraps the error of a single file
            raise error.__cause__ or error from None
        return done.commit_url

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(WAIT_S),
        before_sleep=tenacity.before_sleep_log(logger, logging.WARNING),
        reraise=True,
    )
    with _explained(f"{flag} {repo_id}", f"nothing was published, after {ATTEMPTS} attempts", cure):
        return retrying(commit)


def publish_space(flag: str, space: str, files: Files, what: str, dry_run: bool) -> str:
    """Upload the files of a Space in one commit, or list them for a dry run; tell what was done.

    Args:
        flag: option that holds `space`, OWNER/NAME.
        what: message of the commit.

    Raises:
        ValueError, OSError: see [`check_hub_access`] and [`push_files`].
    """
    check_repo_id(flag, space)
    if dry_run:
        return list_files(f"spaces/{space}", files)
    check_hub_access(flag, space, "space", private=False)
    return f"published: {push_files(flag, space, 'space', files, what, 'run the same command again')}"


@contextmanager
def _explained(flag: str, failed: str, cure: str) -> Iterator[None]:
    """Turn an error of the Hub into a one-line ValueError if the Hub refuses, else into an OSError."""
    try:
        yield
    except (HTTPError, OSError, RuntimeError) as error:
        if _may_pass(error) or not isinstance(error, HfHubHTTPError):
            raise OSError(f"{flag}: {failed} ({_reason(error)}); {cure}") from error
        status = error.response.status_code
        raise ValueError(f"{flag}: {REFUSALS.get(status, _reason(error))} (status {status})") from error


def _may_pass(error: BaseException) -> bool:
    """Tell whether another attempt may succeed."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code >= 500 or error.response.status_code in PASSING
    return isinstance(error, HTTPError | OSError | RuntimeError)


def _reason(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def use_cache_if_hub_is_away(name_or_path: str) -> None:
    """Switch to offline mode, as with `HF_HUB_OFFLINE=1`, if the Hub does not answer a first request.

    Its client libraries would retry for up to a minute before they look into their cache.

    Args:
        name_or_path: model or dataset to load; nothing is requested for a local folder.
    """
    if Path(name_or_path).exists() or constants.is_offline_mode():
        return
    if reason := _why_away(constants.ENDPOINT):
        logger.warning("%s cannot be reached (%s): only the cache is used", constants.ENDPOINT, reason)
        os.environ["HF_HUB_OFFLINE"] = "1"  # for libraries imported later, and for child processes
        constants.HF_HUB_OFFLINE = True
        if "datasets" in sys.modules:
            sys.modules["datasets"].config.HF_HUB_OFFLINE = True


@cache
def _why_away(endpoint: str) -> str:
    """Return why the Hub cannot be reached, or ""."""
    try:
        get_session().head(endpoint, timeout=TIMEOUT_S)
    except (HTTPError, OSError) as error:
        return _reason(error)
    return ""


def why_not_loaded(name_or_path: str, error: Exception) -> str:
    """Explain in one line why a folder, or else a Hub id, cannot be loaded."""
    reason = " ".join(str(error).split())
    if Path(name_or_path).is_dir():
        return reason
    if constants.is_offline_mode():
        return "no such folder, not in the cache, and the Hub cannot be reached"
    return f"no such folder, and from the Hub: {reason}"
