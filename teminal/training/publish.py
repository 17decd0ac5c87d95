"""Publish the files of a finished run on the Hub, without local paths."""

import json
from pathlib import Path

from teminal.files import hide_paths
from teminal.hub import list_files, push_files
from teminal.licenses import check_publishable
from teminal.training.card import RESULTS, make_model_card
from teminal.training.config import TrainingConfig

ADAPTER_CONFIG = "adapter/adapter_config.json"
UNCHANGED = (RESULTS, "tokenizer.json")  # the first has no paths, and in the second they are tokens


def files_to_push(folder: Path, hub_model_id: str) -> dict[str, bytes | Path]:
    """Map the file names of a finished run on the Hub to their content.

    Raises:
        ValueError: the folder has no finished run, or a file of it is missing.
    """
    results = _read_results(folder)
    names = [RESULTS, *results["files"]]
    for name in names:
        if not (folder / name).is_file():
            raise ValueError(f"--output_dir {folder}: {name} of the finished run is missing; train again")
    card = make_model_card(results, hub_model_id).encode()
    return {**{name: _hide_paths_in(folder / name) for name in names}, "README.md": card}


def _read_results(folder: Path) -> dict:
    file = folder / RESULTS
    results = json.loads(file.read_text()) if file.is_file() else {}
    if "files" not in results:
        raise ValueError(f"--output_dir {folder}: there is no finished run in it; train first")
    return results


def _hide_paths_in(path: Path) -> bytes | Path:
    """Return the file, or its content with local paths hidden if it has any."""
    if path.suffix != ".json" or path.name in UNCHANGED:
        return path
    content = json.loads(path.read_text())
    cleaned = hide_paths(content)
    return path if cleaned == content else (json.dumps(cleaned, indent=2) + "\n").encode()


def describe_push(config: TrainingConfig) -> str:
    """List the files that `--push_to_hub` would send, one per line.

    Raises:
        ValueError: there is no finished run, or its licence forbids it.
    """
    folder, hub_model_id = Path(config.output_dir), config.hub_model_id or ""
    listed = list_files(hub_model_id, files_to_push(folder, hub_model_id))
    license = config.license or _read_results(folder)["terms"]["license"]
    check_publishable(license, config.hub_private_repo, "--hub_private_repo")
    if config.license or config.attribution:
        listed += f"\n{RESULTS} and README.md are written anew by the push, with this licence and attribution"
    return listed


def push_model(folder: Path, hub_model_id: str) -> str:
    """Upload [`files_to_push`], replacing weights and adapter of an earlier run, and return the commit's URL.

    Raises:
        ValueError, OSError: the Hub refuses or cannot be reached; nothing is changed there.
    """
    cure = f"it is whole in {folder}; run again with --resume_from_checkpoint latest, which trains no step anew"
    stale = ("*.safetensors", ADAPTER_CONFIG)
    files = files_to_push(folder, hub_model_id)
    return push_files("--hub_model_id", hub_model_id, "model", files, "TeminAL model", cure, stale)
