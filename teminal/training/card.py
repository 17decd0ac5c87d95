"""Describe a run in `results.json`, and write its model card."""

import json
from pathlib import Path

import numpy as np
from huggingface_hub import ModelCard, ModelCardData

from teminal.captions import say
from teminal.evaluation.tables import LEGEND, eval_results, result_table, shared_figures, to_markdown
from teminal.files import hide_paths, is_local_path
from teminal.licenses import strictest
from teminal.natural_captions import say_naturally
from teminal.sampling.layouts import TASK6
from teminal.sampling.training import TrainingSampler
from teminal.scenes import Caption
from teminal.sources import source_credits
from teminal.training.config import TrainingConfig

RESULTS = "results.json"
_copy = Path(__file__).with_name("model_card.md")  # in a wheel
TEMPLATE = _copy if _copy.exists() else Path(__file__).parents[2] / "model_card.md"
SHOWN = ["1A", "2A", "2C", "3A", "3B", "3C", "3D", "4C", "5A", "5D", *TASK6, "control_3A"]
SHOWN += ["recognition", "temporal", "robustness", "zste"]
ORDER_TASKS = ("3A", "3B")


def describe_run(config: TrainingConfig, sampler: TrainingSampler) -> dict:
    """Describe what a run starts from: configuration, models, dataset, licence, captions; local paths are hidden."""
    bank = sampler.bank

    def origin(name: str | None) -> dict | None:
        return {"name": hide_paths(name), "on_hub": not is_local_path(name)} if name else None

    return {
        "recipe": {**hide_paths(config.as_dict()), "hub_model_id": config.hub_model_id},
        "base": origin(config.model_name_or_path),
        "text_base": origin(config.text_model_name_or_path),
        "dataset": origin(config.dataset_name),
        "terms": source_credits(config.source, bank.clips),
        "captioned": not bank.classes,
        "n_train_clips": len(bank.clips),
        "examples": make_example_captions(sampler),
    }


def make_example_captions(sampler: TrainingSampler) -> dict[str, str]:
    """Caption two sounds x and y: "x before y", the reverse "y before x", "y after x" and "x while y"."""
    x, y = sampler.pool.draw(np.random.default_rng(0), 2).labels

    def word(relation: str, *sounds: str) -> str:
        return say(Caption(relation, sounds)) if sampler.bank.classes else say_naturally(relation, sounds)

    in_order = {"before": word("before", x, y), "reverse": word("before", y, x)}
    return {**in_order, "after": word("after", y, x), "while": word("while", x, y)}


def write_card(folder: Path, results: dict) -> None:
    """Write README.md, which loads the model from the Hub if the run publishes it, else from `folder`."""
    card = make_model_card(results, results["recipe"]["hub_model_id"])
    (folder / "README.md").write_text(card, encoding="utf-8")


def make_model_card(results: dict, hub_model_id: str | None) -> str:
    """Fill in the card's template and YAML header.

    Args:
        results: content of `results.json`.
        hub_model_id: where the card loads the model from; `None`: the folder of the card.
    """
    recipe, base, dataset = results["recipe"], results["base"], results["dataset"]
    license = strictest([results["terms"]["license"]])
    on_hub = base and base["on_hub"]
    evaluated = f"ZSTE on {recipe['eval_source'] or recipe['source']}"
    final = list(results["zste"].values())[-1]
    title = hub_model_id or recipe["output_dir"]
    data = ModelCardData(
        language=None if recipe["source"] == "folder" and results["captioned"] else "en",
        library_name="transformers",
        license=license,
        license_name="see-card" if license == "other" else None,
        base_model=base["name"] if on_hub else None,
        base_model_relation="finetune" if on_hub else None,
        datasets=[dataset["name"]] if dataset and dataset["on_hub"] else None,
        pipeline_tag="zero-shot-audio-classification",
        tags=["audio", "clap", "teminal", "temporal"],
        model_name=title.split("/")[-1],
        eval_results=eval_results(evaluated, final, [task for task in SHOWN if not task.startswith("control")]),
    )
    card = ModelCard.from_template(
        data,
        str(TEMPLATE),
        title=title,
        name=hub_model_id or ".",
        is_local=not hub_model_id,
        base=base,
        on_hub=on_hub,
        has_adapter=any(name.startswith("adapter/") for name in results["files"]),
        teminal=recipe["stages"] != ["pretrain"],
        scenes=_describe_scenes(recipe["stage"]),
        learned=has_learned_order(final),
        order=_describe_order(final),
        single_sounds=_describe_change(results["zste"], "1A"),
        kept_sounds=_describe_change(results.get("kept", {}), "accuracy"),
        evaluated=evaluated,
        table=_make_table(results["zste"]),
        legend=LEGEND,
        quoted={name: json.dumps(caption, ensure_ascii=False) for name, caption in results["examples"].items()},
        license=license,
        recipe=recipe,
        results=results,
    )
    return card.content.rstrip() + "\n"


def _describe_scenes(stages: dict[str, dict]) -> str:
    """Say of how many sounds the scenes were that order was taught with, and how they were laid out.

    Args:
        stages: settings of the stages that ran. Order is taught by B and joint; without them, A is described.
    """
    names = stages.keys() & {"B", "joint"} or stages.keys() & {"A"}
    teaching = [stages[name] for name in names]
    most = max((stage["max_events"] for stage in teaching), default=2)
    sounds = {2: "two sounds", 3: "two or three sounds", 4: "two to four sounds"}[most]
    free = [stage for stage in teaching if stage["free_layout_share"]]
    if not free:
        return f"scenes of 10 s with {sounds} in equal parts"
    longest_s = max(stage["max_duration_s"] for stage in free)
    scenes = f"scenes of 3 to {longest_s:g} s with {sounds} in many layouts"
    if all(stage["free_layout_share"] == 1 for stage in teaching):
        return scenes
    return f"{scenes}, and of 10 s in equal parts"


def has_learned_order(figures: dict) -> bool:
    """Tell whether the 95 % intervals of *before* and *after* (3A, 3B) are both above chance."""
    return all(figures[f"{task}_ci95"][0] > figures[f"{task}_chance"] for task in ORDER_TASKS)


def _format_percent(figures: dict, task: str) -> str:
    low, high = (100 * bound for bound in figures[f"{task}_ci95"])
    return f"{100 * figures[task]:.1f} % ({low:.1f} to {high:.1f})"


def _describe_order(figures: dict) -> str:
    """Say how often the model picks the true one of two orders."""
    chance = 100 * figures["3A_chance"]
    before, after = (_format_percent(figures, task) for task in ORDER_TASKS)
    return f"{before} of those with *before* (3A) and {after} of those with *after* (3B); chance is {chance:.0f} %"


def _describe_change(models: dict[str, dict], name: str) -> str:
    """Compare a figure of the first model and the last by their 95 % intervals; "" for a single model."""
    if len(models) < 2:
        return ""
    before, *_, after = models.values()
    if after[f"{name}_ci95"][1] < before[f"{name}_ci95"][0]:
        verdict = "some of it was forgotten"
    elif after[f"{name}_ci95"][0] > before[f"{name}_ci95"][1]:
        verdict = "it was not forgotten, but learned better"
    else:
        verdict = "the intervals do not tell them apart"
    return f"{_format_percent(before, name)} before this training, {_format_percent(after, name)} after it: {verdict}"


def _make_table(zste: dict[str, dict]) -> str:
    """Make a Markdown table in percent: a row per sub-task and mean, a column per model, with 95 % intervals."""
    shown = shared_figures(zste, SHOWN)
    table = result_table(zste, shown, bold="**{}**")
    figures = next(iter(zste.values()))
    table.insert(0, "n", [str(figures[f"{task}_n"]) for task in shown])
    return to_markdown(table)
