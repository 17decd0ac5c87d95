"""What of a finished run goes to the Hub: only what the run itself made, without a path of this machine in it."""

import json
from pathlib import Path

from teminal.files import hide_paths
from teminal.hub import list_files, push_files
from teminal.licenses import check_publishable
from teminal.training.card import model_card
from teminal.training.config import TrainingConfig
from teminal.training.results import RESULTS

ADAPTER_CONFIG = "adapter/adapter_config.json"
AS_THEY_ARE = (RESULTS, "tokenizer.json")  # the one tells no places, what looks like one in the other is a token


def files_to_push(folder: Path, hub_model_id: str) -> dict[str, bytes | Path]:
    """Name on the Hub -> content of a finished run's model, code, processor, adapter, results, pictures and card.

    Raises:
        ValueError: there is no finished run in the folder, or not all of it.
    """
    file = folder / RESULTS
    results = json.loads(file.read_text()) if file.is_file() else {}
    if "files" not in results:
        raise ValueError(f"--output_dir {folder}: there is no finished run in it; train first")
    names = [RESULTS, *results["files"]]
    for name in names:
        if not (folder / name).is_file():
            raise ValueError(f"--output_dir {folder}: {name} of the finished run is missing; train again")
    card = model_card(results, hub_model_id).encode()
    return {**{name: _told(folder / name) for name in names}, "README.md": card}


def describe_push(recipe: TrainingConfig) -> str:
    """What `--push_to_hub` would send of the finished run in `--output_dir`, a line per file.

    Raises:
        ValueError: it would be refused, or there is no finished run.
    """
    folder = Path(recipe.output_dir)
    files = files_to_push(folder, recipe.hub_model_id)
    license = recipe.license or json.loads((folder / RESULTS).read_text())["terms"]["license"]
    check_publishable(license, recipe.hub_private_repo, "--hub_private_repo")
    listed = list_files(recipe.hub_model_id, files)
    if recipe.license or recipe.attribution:
        listed += f"\n{RESULTS} and README.md are written anew by the push, with this licence and attribution"
    return listed


def _told(path: Path) -> bytes | Path:
    """The file, or what it says if no places are named."""
    if path.suffix != ".json" or path.name in AS_THEY_ARE:
        return path
    content = json.loads(path.read_text())
    told = hide_paths(content)
    return path if told == content else (json.dumps(told, indent=2) + "\n").encode()


def push_model(folder: Path, hub_model_id: str) -> str:
    """Upload [`files_to_push`] in place of another run's weights and adapter: the URL of the one commit.

    Raises:
        ValueError, OSError: the Hub refuses, or cannot be used; nothing is visible there then.
    """
    cure = f"it is whole in {folder}; run again with --resume_from_checkpoint latest, which trains no step anew"
    stale = ("*.safetensors", ADAPTER_CONFIG)
    files = files_to_push(folder, hub_model_id)
    return push_files("--hub_model_id", hub_model_id, "model", files, "TeminAL model", cure, stale)
