"""What a run leaves for others: model, processor, adapter, model card; and all of it on the Hub, in one commit."""

import copy
from pathlib import Path

import yaml
from huggingface_hub import CommitOperationAdd, HfApi
from peft import PeftModel
from transformers import ClapProcessor

from dataset_scripts.hub import commit_with_retries
from modeling_teminal import TeminalModel

ROOT = Path(__file__).parents[1]
ADAPTER = "adapter"
PUBLISHED = ("*.json", "*.safetensors", "*.txt", "*.py", "*.png", "README.md", f"{ADAPTER}/*")
SHOWN = ("1A", "2C", "3A", "3B", "3C", "recognition", "temporal", "zste")


def export_model(model: TeminalModel | PeftModel, processor: ClapProcessor, folder: Path) -> None:
    """Save a checkpoint like any other; of a model with adapters, merged, and the adapter in `adapter/` beside it."""
    if isinstance(model, PeftModel):
        model.save_pretrained(folder / ADAPTER)
        model = copy.deepcopy(model).merge_and_unload()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def write_card(folder: Path, results: dict) -> None:
    """The model card, with the figures of the last model of `results`."""
    recipe, zste = results["recipe"], results["zste"]
    figures = list(zste.values())[-1]
    shown = [task for task in SHOWN if task in figures]
    header = {
        "library_name": "transformers",
        "license": "cc-by-nc-4.0",
        "pipeline_tag": "zero-shot-audio-classification",
        "tags": ["audio", "clap", "teminal", "temporal"],
        "model-index": [
            {
                "name": Path(recipe["output_dir"]).name,
                "results": [
                    {
                        "task": {"type": "zero-shot-audio-classification"},
                        "dataset": {"name": f"ZSTE on {recipe['eval_source'] or recipe['source']}", "type": "zste"},
                        "metrics": [
                            {"name": f"ZSTE {task}", "type": "accuracy", "value": round(100 * figures[task], 2)}
                            for task in shown
                        ],
                    }
                ],
            }
        ],
    }
    if recipe["model_name_or_path"] and not Path(recipe["model_name_or_path"]).is_dir():
        header["base_model"] = recipe["model_name_or_path"]
    columns = "".join(f" {column} |" for column in zste)
    rows = [f"| | chance |{columns}", "|---|---|" + "---|" * len(zste)]
    for task in shown:
        values = "".join(f" {100 * result[task]:.1f} |" for result in zste.values())
        rows.append(f"| {task} | {100 * figures[f'{task}_chance']:.1f} |{values}")
    text = (ROOT / "model_card.md").read_text()
    text = text.replace("{{table}}", "\n".join(rows)).replace("{{stages}}", ", ".join(recipe["stages"]))
    text = text.replace("{{data}}", f"{recipe['source']} ({results['n_train_clips']} clips)")
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n\n{text}")


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
