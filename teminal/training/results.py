"""What a run has found, as JSON that may be shown to everybody."""

from pathlib import Path

import numpy as np

from teminal.captions import say, say_naturally
from teminal.files import hide_paths, is_local_path, write_json
from teminal.sampling.training import TrainingSampler
from teminal.scenes import Caption
from teminal.sources import source_credits
from teminal.training.config import TrainingConfig

RESULTS = "results.json"  # written last: where it is, the run is finished


def about_run(recipe: TrainingConfig, sampler: TrainingSampler) -> dict:
    """What a run starts from: its recipe, the origin of weights and data, their terms, and captions that fit them."""
    bank, settings = sampler.bank, recipe.as_dict()
    return {
        "recipe": {**hide_paths(settings), "hub_model_id": recipe.hub_model_id},
        "base": _origin(recipe.model_name_or_path),
        "text_base": _origin(recipe.text_model_name_or_path),
        "dataset": _origin(recipe.dataset_name),
        "terms": source_credits(recipe.source, bank.clips),
        "captioned": not bank.classes,
        "n_train_clips": len(bank.clips),
        "examples": example_captions(sampler),
    }


def _origin(name_or_path: str | None) -> dict | None:
    """Its name, and whether others find it on the Hub under it."""
    return name_or_path and {"name": hide_paths(name_or_path), "on_hub": not is_local_path(name_or_path)}


def example_captions(sampler: TrainingSampler) -> dict[str, str]:
    """Of the two sounds x and y of a scene: "x before y", the reverse "y before x", "y after x" and "x while y"."""
    x, y = sampler.pool.draw(np.random.default_rng(0), 2).labels

    def word(relation: str, *sounds: str) -> str:
        return say(Caption(relation, sounds)) if sampler.bank.classes else say_naturally(relation, sounds)

    return {
        "before": word("before", x, y),
        "reverse": word("before", y, x),
        "after": word("after", y, x),
        "while": word("while", x, y),
    }


def write_results(folder: Path, results: dict) -> None:
    """`results.json` in `folder`, whole or not there."""
    write_json(folder / RESULTS, results)
