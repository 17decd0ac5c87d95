"""One table of several models, for a paper, a card and a spreadsheet."""

from pathlib import Path

import pandas as pd
import yaml
from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from teminal.evaluation.labels import LABELS, LEGEND, ROWS
from teminal.evaluation.options import file_stems
from teminal.evaluation.paper import write_paper
from teminal.files import write_whole


def eval_results(evaluated: str, figures: dict, tasks: list[str]) -> list[EvalResult]:
    """For the `model-index` of a model card's metadata, in percent."""
    return [
        EvalResult(
            task_type="zero-shot-audio-classification",
            dataset_type="zste",
            dataset_name=evaluated,
            metric_type="accuracy",
            metric_name=f"ZSTE {task}",
            metric_value=round(100 * figures[task], 2),
        )
        for task in tasks
        if task in figures
    ]


def write_tables(
    folder: Path, zste: dict[str, dict], evaluated: str, differences: dict[str, dict] | None = None
) -> None:
    """zste.md, zste.tex (booktabs), zste.csv (fractions, with bounds, chance and n), and a model-index of each model.

    Args:
        evaluated: what the models were evaluated on, for the model-index.
        differences: those of [`teminal.evaluation.compare.differences`].
    """
    write_paper(folder, "zste", zste, differences or {}, {key: LABELS[key] for key in ROWS}, LEGEND)
    numbers = [
        {"model": name, "task": task, "asks": LABELS[task], "accuracy": figures[task]}
        | {"low": figures[f"{task}_ci95"][0], "high": figures[f"{task}_ci95"][1]}
        | {"chance": figures[f"{task}_chance"], "n": figures[f"{task}_n"]}
        for name, figures in zste.items()
        for task in ROWS
    ]
    write_whole(folder / "zste.csv", lambda beside: pd.DataFrame(numbers).to_csv(beside, index=False))
    for name, stem in file_stems(list(zste)).items():
        index = eval_results_to_model_index(name, eval_results(evaluated, zste[name], ROWS))
        text = yaml.safe_dump({"model-index": index}, sort_keys=False)
        write_whole(folder / f"model-index-{stem}.yaml", lambda beside, text=text: beside.write_text(text, "utf-8"))
