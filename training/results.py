"""What a run has found, as JSON that may be shown to everybody."""

import json
from dataclasses import asdict
from pathlib import Path

from dataset_scripts.atomic import write_whole
from dataset_scripts.bank import ClipBank
from dataset_scripts.captions import say
from dataset_scripts.natural_captions import as_clause, has_order, say_naturally
from dataset_scripts.places import is_place, place_name, without_places
from dataset_scripts.scenes import Caption
from dataset_scripts.sources import credits_of
from training.recipe import Recipe

RESULTS = "results.json"  # written last: where it is, the run is finished


def about_run(recipe: Recipe, bank: ClipBank) -> dict:
    """What a run starts from: its recipe, the origin of weights and data, their terms, and captions that fit them."""
    settings = asdict(recipe)
    return {
        "recipe": {**without_places(settings), "hub_model_id": recipe.hub_model_id},
        "base": _origin(recipe.model_name_or_path),
        "text_base": _origin(recipe.text_model_name_or_path),
        "dataset": _origin(recipe.dataset_name),
        "terms": credits_of(recipe.source, bank.clips),
        "captioned": not bank.classes,
        "n_train_clips": len(bank.clips),
        "examples": example_captions(bank),
    }


def _origin(name_or_path: str | None) -> dict | None:
    """Its name, and whether others find it on the Hub under it."""
    return name_or_path and {"name": place_name(name_or_path), "on_hub": not is_place(name_or_path)}


def example_captions(bank: ClipBank) -> dict[str, str]:
    """Of two of its sounds x and y: "x before y", the reverse "y before x", "y after x" and "x while y"."""
    captions = dict.fromkeys(caption for clip in bank.clips for caption in clip.captions if as_clause(caption))
    sounds = bank.classes or sorted(captions, key=has_order)  # those without an order of their own first
    x, y = (sounds * 2)[:2]
    return {
        "before": _say(bank, "before", x, y),
        "reverse": _say(bank, "before", y, x),
        "after": _say(bank, "after", y, x),
        "while": _say(bank, "while", x, y),
    }


def _say(bank: ClipBank, relation: str, x: str, y: str) -> str:
    return say(Caption(relation, (x, y))) if bank.classes else say_naturally(relation, (x, y))


def write_results(folder: Path, results: dict) -> None:
    """`results.json` in `folder`, whole or not there."""
    write_whole(folder / RESULTS, lambda file: file.write_text(json.dumps(results, indent=2) + "\n"))
