"""What a run leaves for others: model, processor and adapter; and all of it on the Hub, in one commit."""

import copy
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi
from peft import PeftModel
from transformers import ClapProcessor

from dataset_scripts.hub import commit_with_retries
from modeling_teminal import TeminalModel

ADAPTER = "adapter"
# Of the adapter, not the card: PEFT's is an empty form.
PUBLISHED = ("*.json", "*.safetensors", "*.txt", "*.py", "*.png", "README.md", f"{ADAPTER}/adapter_*")


def export_model(model: TeminalModel | PeftModel, processor: ClapProcessor, folder: Path) -> None:
    """Save a checkpoint like any other; of a model with adapters, merged, and the adapter in `adapter/` beside it."""
    if isinstance(model, PeftModel):
        model.save_pretrained(folder / ADAPTER)
        model = copy.deepcopy(model).merge_and_unload()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def push_model(folder: Path, hub_model_id: str) -> str:
    """Upload the folder's model, processor, code, adapter, results, pictures and card: the URL of the one commit.

    Raises:
        ValueError, OSError: the Hub refuses, or cannot be used; nothing is visible there then.
    """
    files = sorted({path for pattern in PUBLISHED for path in folder.glob(pattern) if path.is_file()})

    def commit() -> str:
        operations = [CommitOperationAdd(path.relative_to(folder).as_posix(), path) for path in files]
        return HfApi().create_commit(hub_model_id, operations, commit_message="TeminAL model").commit_url

    return commit_with_retries(f"--hub_model_id {hub_model_id}", "the model", commit)
