"""Publish a finished run: only what the run itself made, without a path of this machine in it."""

import json
from pathlib import Path

from teminal.files import hide_paths
from teminal.hub import list_files, push_files
from teminal.licenses import check_publishable
from teminal.training.card import RESULTS, model_card
from teminal.training.config import TrainingConfig

ADAPTER_CONFIG = "adapter/adapter_config.json"
UNCHANGED = (RESULTS, "tokenizer.json")  # the one names no places, what looks like one in the other is a token


def files_to_push(folder: Path, hub_model_id: str) -> dict[str, bytes | Path]:
    """Map name on the Hub to content: a finished run's model, code, processor, adapter, results, pictures and card.

    Raises:
        ValueError: there is no finished run in the folder, or not all of it.
    """
    results = _read_results(folder)
    names = [RESULTS, *results["files"]]
    for name in names:
        if not (folder / name).is_file():
            raise ValueError(f"--output_dir {folder}: {name} of the finished run is missing; train again")
    card = model_card(results, hub_model_id).encode()
    return {**{name: _without_places(folder / name) for name in names}, "README.md": card}


def _read_results(folder: Path) -> dict:
    file = folder / RESULTS
    results = json.loads(file.read_text()) if file.is_file() else {}
    if "files" not in results:
        raise ValueError(f"--output_dir {folder}: there is no finished run in it; train first")
    return results


def _without_places(path: Path) -> bytes | Path:
    """Return the file, or, where it names places, what it says without them."""
    if path.suffix != ".json" or path.name in UNCHANGED:
        return path
    content = json.loads(path.read_text())
    told = hide_paths(content)
    return path if told == content else (json.dumps(told, indent=2) + "\n").encode()


def describe_push(config: TrainingConfig) -> str:
    """List what `--push_to_hub` would send of the finished run in `--output_dir`, a line per file.

    Raises:
        ValueError: it would be refused, or there is no finished run.
    """
    folder, hub_model_id = Path(config.output_dir), config.hub_model_id or ""
    listed = list_files(hub_model_id, files_to_push(folder, hub_model_id))
    license = config.license or _read_results(folder)["terms"]["license"]
    check_publishable(license, config.hub_private_repo, "--hub_private_repo")
    if config.license or config.attribution:
        listed += f"\n{RESULTS} and README.md are written anew by the push, with this licence and attribution"
    return listed


def push_model(folder: Path, hub_model_id: str) -> str:
    """Upload [`files_to_push`] in place of another run's weights and adapter, and return the URL of the commit.

    Raises:
        ValueError, OSError: the Hub refuses, or cannot be used; nothing is visible there then.
    """
    cure = f"it is whole in {folder}; run again with --resume_from_checkpoint latest, which trains no step anew"
    stale = ("*.safetensors", ADAPTER_CONFIG)
    files = files_to_push(folder, hub_model_id)
    return push_files("--hub_model_id", hub_model_id, "model", files, "TeminAL model", cure, stale)
