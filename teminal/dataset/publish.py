"""Publish a built config on the Hub in one commit."""

import json
from pathlib import Path

from huggingface_hub import hf_hub_download

from teminal.dataset.card import dataset_card
from teminal.dataset.options import BuildOptions
from teminal.dataset.report import PICTURE, REPORT, read_report, shard_hashes
from teminal.hub import Files, list_files, push_files
from teminal.licenses import UNKNOWN, check_publishable


def push_config(output_dir: Path, config: str, hub_dataset_id: str) -> str:
    """Upload a built config, with a card that describes it and the configs already on the Hub.

    Args:
        output_dir: parent of the folder of the config.
        hub_dataset_id: repository that [`teminal.hub.check_hub_access`] has checked.

    Returns:
        The URL of the commit, or of the last one if the Hub already has the same files.

    Raises:
        ValueError: the build is not finished, or the Hub refuses.
        OSError: the upload failed; the repository is unchanged.
    """
    files = files_to_push(output_dir, config, hub_dataset_id)
    report = read_report(output_dir / config)

    def with_card(revision: str | None, there: list[str]) -> Files:
        reports = {**_published_reports(hub_dataset_id, revision, there), config: report}
        return {**files, "README.md": dataset_card(reports, hub_dataset_id).encode()}

    cure = "what was built is whole, the same command only uploads it"
    stale = (f"{config}/*.parquet",)
    return push_files("--hub_dataset_id", hub_dataset_id, "dataset", with_card, f"Config {config}", cure, stale)


def files_to_push(output_dir: Path, config: str, hub_dataset_id: str) -> Files:
    """Collect the files of a built config, with a card that describes only this config.

    Raises:
        ValueError, OSError: the build is not finished, or may not be published.
    """
    folder = output_dir / config
    report = read_report(folder)
    if report.get("rendered"):
        raise ValueError(
            f"{folder}: rendered from recipes, for its audio may not be redistributed; publish the recipes"
        )
    names = [REPORT, *shard_hashes(report), *([PICTURE] if report["includes_audio"] else [])]
    for name in names:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name}: missing; delete {folder} and build again")
    card = dataset_card({config: report}, hub_dataset_id).encode()
    return {**{f"{config}/{name}": folder / name for name in names}, "README.md": card}


def describe_push(options: BuildOptions) -> str:
    """List what `--push_to_hub` would upload of a built config.

    Raises:
        ValueError, OSError: the upload would be refused, or the build is not finished.
    """
    folder = options.output_dir / options.config
    license = read_report(folder)["license"]
    if license == UNKNOWN and options.license:
        raise ValueError(f"{folder} was built without --license: delete it and build it again with it")
    check_publishable(license, options.private, "--private")
    files = files_to_push(options.output_dir, options.config, options.hub_dataset_id)
    return list_files(f"datasets/{options.hub_dataset_id}", files)


def _published_reports(hub_dataset_id: str, revision: str | None, there: list[str]) -> dict[str, dict]:
    """Read the reports, by config, of all configs that are complete on the Hub."""
    reports = {}
    for name in there:
        folder, _, file = name.rpartition("/")
        if file == REPORT and folder and "/" not in folder:
            path = hf_hub_download(hub_dataset_id, name, repo_type="dataset", revision=revision)
            report = json.loads(Path(path).read_text())
            if all(f"{folder}/{shard}" in there for shard in shard_hashes(report)):
                reports[folder] = report
    return reports
