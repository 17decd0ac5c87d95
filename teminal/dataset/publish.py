"""Publish a built config on the Hub: one config in one commit, all of it or nothing."""

import json
from functools import partial
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download

from teminal.dataset.card import PICTURE, dataset_card
from teminal.dataset.report import REPORT, read_report
from teminal.hub import commit_with_retries


def push_config(output_dir: Path, config: str, hub_dataset_id: str) -> str:
    """Upload a built config, with a card that tells of it and of the configs that are on the Hub.

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
    commit = partial(_commit, config, report, files, hub_dataset_id)
    cure = "what was built is whole, the same command only uploads it"
    return commit_with_retries(f"--hub_dataset_id {hub_dataset_id}", config, cure, commit)


def files_to_push(output_dir: Path, config: str, hub_dataset_id: str) -> dict[str, bytes | Path]:
    """Name on the Hub -> content of a built config, with the card that tells of it alone.

    Raises:
        ValueError, OSError: the build is not whole, or may not be published.
    """
    report, files = _built_files(output_dir / config)
    return _additions({config: report}, config, files, hub_dataset_id)


def _additions(
    reports: dict[str, dict], config: str, files: dict[str, Path], hub_dataset_id: str
) -> dict[str, bytes | Path]:
    card = dataset_card(reports, hub_dataset_id).encode()
    return {**{f"{config}/{name}": path for name, path in files.items()}, "README.md": card}


def _built_files(folder: Path) -> tuple[dict, dict[str, Path]]:
    """The report of a finished build, and name -> path of all that is to be published."""
    report = read_report(folder)
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
    additions = _additions(reports, config, files, hub_dataset_id)
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
