"""Publish a built config on the Hub: one config in one commit, all of it or nothing."""

import json
import logging
import time
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, HTTPError

from dataset_scripts.cards import PICTURE, dataset_card
from dataset_scripts.report import REPORT

ATTEMPTS = 5
WAIT_S = 2.0  # before the second attempt; twice as long before each further one
PASSING = (408, 412, 429)  # 412: someone else has pushed since

logger = logging.getLogger("teminal")


def check_hub_access(hub_dataset_id: str, private: bool) -> None:
    """Create the dataset repository if it is not there, and make sure that it can be written to.

    Raises:
        ValueError: the id is malformed, the token is missing or may not write, or the repository is public and
            should be `private`.
        OSError: the Hub is out of reach or out of order.
    """
    flag = f"--hub_dataset_id {hub_dataset_id}"
    if hub_dataset_id.count("/") != 1:
        raise ValueError(f"{flag}: must be OWNER/NAME, such as me/temporal-esc50")
    if get_token() is None:
        raise ValueError(f"{flag}: there is no Hugging Face token; run `hf auth login` or set HF_TOKEN")
    api = HfApi()
    try:
        api.create_repo(hub_dataset_id, repo_type="dataset", private=private, exist_ok=True)
        api.auth_check(hub_dataset_id, repo_type="dataset", write=True)
        is_private = api.dataset_info(hub_dataset_id).private
    except HFValidationError as error:
        raise ValueError(f"{flag}: {error}") from error
    except (HTTPError, OSError) as error:
        if refusal := _refusal(hub_dataset_id, error):
            raise refusal from error
        raise OSError(f"{flag}: the Hub cannot be used now ({_reason(error)}); try again later") from error
    if private and not is_private:
        raise ValueError(f"{flag}: it exists and is public; make it private in its settings, or leave out --private")


def push_config(output_dir: Path, config: str, hub_dataset_id: str) -> str:
    """Upload a built config, with a card that tells of it and of the configs that are on the Hub.

    What fails in passing is tried again, `ATTEMPTS` times in all; what is uploaded already is not uploaded again.

    Args:
        output_dir: holds the folder of the config, whose build is finished.
        hub_dataset_id: of a repository that [`check_hub_access`] has checked.

    Returns:
        The URL of the commit, or of the last one where the Hub has all of it already.

    Raises:
        ValueError: the build is not whole, or the Hub refuses.
        OSError: it did not go through; the Hub shows what it showed before.
    """
    report, files = _built_files(output_dir / config)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _commit(config, report, files, hub_dataset_id)
        except (HTTPError, OSError, RuntimeError) as error:
            if refusal := _refusal(hub_dataset_id, error):
                raise refusal from error
            if attempt == ATTEMPTS:
                raise OSError(
                    f"--hub_dataset_id {hub_dataset_id}: nothing of {config} was published, after {ATTEMPTS} attempts"
                    f" ({_reason(error)}); the build is whole, the same command only uploads it"
                ) from error
            wait_s = WAIT_S * 2 ** (attempt - 1)
            logger.warning("upload failed (%s), again in %g s", _reason(error), wait_s)
            time.sleep(wait_s)


def _built_files(folder: Path) -> tuple[dict, dict[str, Path]]:
    """The report of a finished build, and name -> path of all that is to be published."""
    if not (folder / REPORT).is_file():
        raise FileNotFoundError(f"{folder}: no {REPORT} in it, so the build is not finished; run it again")
    report = json.loads((folder / REPORT).read_text())
    if report.get("rendered"):
        raise ValueError(
            f"{folder}: rendered from recipes, for its audio may not be redistributed; publish the recipes"
        )
    names = [REPORT, *_shards(report), *([PICTURE] if report["includes_audio"] else [])]
    for name in names:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name}: missing; delete {folder} and build again")
    return report, {name: folder / name for name in names}


def _shards(report: dict) -> list[str]:
    return [shard["file"] for split in report["splits"].values() for shard in split["shards"]]


def _commit(config: str, report: dict, files: dict[str, Path], hub_dataset_id: str) -> str:
    api = HfApi()
    parent = api.dataset_info(hub_dataset_id).sha
    there = api.list_repo_files(hub_dataset_id, repo_type="dataset", revision=parent)
    reports = {**_published_reports(hub_dataset_id, parent, there), config: report}
    additions = {f"{config}/{name}": path for name, path in files.items()}
    additions["README.md"] = dataset_card(reports, hub_dataset_id).encode()
    shards = [name for name in there if name.startswith(f"{config}/") and name.endswith(".parquet")]
    stale = [name for name in shards if name not in additions]
    commit = api.create_commit(
        hub_dataset_id,
        [
            *(CommitOperationDelete(name) for name in stale),
            *(CommitOperationAdd(name, content) for name, content in additions.items()),
        ],
        commit_message=f"Config {config}",
        repo_type="dataset",
        parent_commit=parent,
    )
    return commit.commit_url


def _published_reports(hub_dataset_id: str, revision: str, there: list[str]) -> dict[str, dict]:
    """Config -> report of the configs that are on the Hub with all their shards."""
    reports = {}
    for name in there:
        folder, _, file = name.rpartition("/")
        if file == REPORT and folder and "/" not in folder:
            path = hf_hub_download(hub_dataset_id, name, repo_type="dataset", revision=revision)
            report = json.loads(Path(path).read_text())
            if all(f"{folder}/{shard}" in there for shard in _shards(report)):
                reports[folder] = report
    return reports


def _refusal(hub_dataset_id: str, error: Exception) -> ValueError | None:
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
    return ValueError(f"--hub_dataset_id {hub_dataset_id}: {told.get(status, _reason(error))} (status {status})")


def _cause(error: Exception) -> Exception:
    """The library wraps what went wrong with a file in a RuntimeError."""
    return error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error


def _reason(error: Exception) -> str:
    cause = _cause(error)
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]
