"""The model card: what was trained on what, how to use it, what it can do, whose terms hold."""

from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData

from dataset_scripts.rows import strictest
from dataset_scripts.sources import source_module
from eval.tables import eval_results, make_table, to_markdown

TEMPLATE = Path(__file__).parents[1] / "model_card.md"
SHOWN = {
    "1A": "one clip: its class",
    "2A": "two overlaid: both classes",
    "2C": "two in sequence: both classes",
    "3A": "*before*: which order",
    "3B": "*after*: which order",
    "3C": "*before*, reversed or *while*",
    "3D": "all four statements of order",
    "4C": "pairing two audios and two captions",
    "5A": "which order, wording never trained on",
    "5D": "three sounds: which order",
    "control_3A": "the same, audios permuted: must be chance",
    "recognition": "mean of tasks 1 and 2",
    "temporal": "mean of tasks 3, 4 and 5",
    "zste": "mean of all five tasks",
}


def write_card(folder: Path, results: dict) -> None:
    """README.md in `folder`, from the results of the run that it is of."""
    recipe, base = results["recipe"], results["recipe"]["model_name_or_path"]
    source = source_module(recipe["source"])
    name = recipe["hub_model_id"] or Path(recipe["output_dir"]).resolve().name
    evaluated = f"ZSTE on {recipe['eval_source'] or recipe['source']}"
    license = strictest([source.LICENSE])
    on_hub = base and not Path(base).is_dir()
    shown = [task for task in SHOWN if not task.startswith("control")]
    data = ModelCardData(
        language="en",
        library_name="transformers",
        license=license,
        license_name="see-card" if license == "other" else None,
        base_model=base if on_hub else None,
        base_model_relation="finetune" if on_hub else None,
        datasets=[recipe["dataset_name"]] if recipe["dataset_name"] else None,
        pipeline_tag="zero-shot-audio-classification",
        tags=["audio", "clap", "teminal", "temporal"],
        model_name=name.split("/")[-1],
        eval_results=eval_results(evaluated, list(results["zste"].values())[-1], shown),
    )
    card = ModelCard.from_template(
        data,
        TEMPLATE,
        name=name,
        base=base if on_hub else Path(base).resolve().name if base else None,
        on_hub=on_hub,
        evaluated=evaluated,
        table=_table(results["zste"]),
        attribution=source.ATTRIBUTION,
        license=license,
        recipe=recipe,
        results=results,
    )
    card.save(folder / "README.md")


def _table(zste: dict[str, dict]) -> str:
    """A row per sub-task and mean, a column per model, with 95 % intervals, in percent."""
    table = make_table(zste, list(SHOWN))
    table.insert(0, "what is asked", list(SHOWN.values()))
    table.insert(1, "n", [next(iter(zste.values()))[f"{task}_n"] for task in SHOWN])
    return to_markdown(table.rename(index={"control_3A": "3A*"}))
