"""One table of several models, for a paper, a card and a spreadsheet."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from huggingface_hub import EvalResult
from huggingface_hub.repocard_data import eval_results_to_model_index

from eval.zste.zste import TASKS
from teminal.evaluation.options import file_stems
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
        differences: those of [`teminal.evaluation.statistics.differences`].
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


LABELS = {
    "1A": "one sound, as recorded (1A)",
    "1B": "one sound, in silence (1B)",
    "task1": "mean of task 1",
    "2A": "both of two overlaid sounds (2A)",
    "2B": "one of two overlaid sounds (2B)",
    "2C": "both sounds of a sequence (2C)",
    "2D": "one sound of a sequence (2D)",
    "task2": "mean of task 2",
    "3A": "order, said with “before” (3A)",
    "3B": "order, said with “after” (3B)",
    "3C": "before, after or while (3C)",
    "3D": "all four statements of order (3D)",
    "task3": "mean of task 3",
    "4A": "two audios pick their captions (4A)",
    "4B": "two captions pick their audios (4B)",
    "4C": "both picks right (4C)",
    "4D": "one of all statements (4D)",
    "task4": "mean of task 4",
    "5A": "order, held-out phrase (5A)",
    "5B": "before, after or while, held-out (5B)",
    "5C": "order, held-out sentence (5C)",
    "5D": "order of three sounds (5D)",
    "task5": "mean of task 5",
    "recognition": "recognition: tasks 1 and 2",
    "temporal": "temporal: tasks 3, 4 and 5",
    "zste": "ZSTE: all tasks",
    "control_3A": "“before”, audios permuted: must be chance (control_3A)",
    "control_3B": "“after”, audios permuted: must be chance (control_3B)",
    "control_3C": "before, after or while, audios permuted: must be chance (control_3C)",
}
BLOCKS = [[*subtasks, mean] for mean, subtasks in TASKS.items()] + [["recognition", "temporal", "zste"]]
ROWS = [key for block in BLOCKS for key in block]
LEGEND = (
    "Accuracy in % with 95 % bootstrap interval over scenes; ties lose. Codes are ZSTE's sub-tasks: tasks 1 and 2 ask "
    "which sounds are heard, 3 to 5 in what order, 5 in words never trained on."
)


STAR = "* The 95 % interval of the difference, paired over the same questions, excludes 0."
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
LATEX |= {character: f"\\{character}" for character in "&%$#_{}"}
LATEX |= {">": r"\textgreater{}", "“": "``", "”": "''"}


@dataclass(frozen=True)
class Cell:
    text: str
    is_bold: bool = False


def scale_of(key: str) -> int:
    """Fractions are shown in percent, ranks as they are."""
    return 1 if key.endswith("rank") else 100


def result_rows(results: dict[str, dict], labels: dict[str, str]) -> list[list[Cell]]:
    """A head and a row per figure: its label, chance level, and each model's value with interval, the best in bold.

    Args:
        results: model -> its figures, with `_ci95` and perhaps `_chance` beside each.
        labels: figure -> how it is called, in the order of the rows.
    """
    first = next(iter(results.values()))
    rows = [[Cell(text) for text in ("", "chance", *results)]]
    for key, label in labels.items():
        scale = scale_of(key)
        values = [round(scale * figures[key], 1) for figures in results.values()]
        best = min(values) if key.endswith("rank") else max(values)
        chance = first.get(f"{key}_chance")
        row = [Cell(label), Cell("" if chance is None else f"{scale * chance:.2f}")]
        for figures, value in zip(results.values(), values, strict=True):
            low, high = (scale * bound for bound in figures[f"{key}_ci95"])
            row.append(Cell(f"{value:.1f} ({low:.1f} to {high:.1f})", value == best and len(set(values)) > 1))
        rows.append(row)
    return rows


def difference_rows(differences: dict[str, dict[str, dict]], labels: dict[str, str]) -> list[list[Cell]]:
    """A head and a row per figure: how much models differ, with paired interval, and a star where it excludes 0."""
    rows = [[Cell(text) for text in ("", *differences)]]
    for key, label in labels.items():
        rows.append([Cell(label)])
        for found in differences.values():
            scale = scale_of(key)
            difference, low, high = (scale * value for value in (found[key]["difference"], *found[key]["ci95"]))
            star = "*" if low > 0 or high < 0 else ""
            rows[-1].append(Cell(f"{difference:+.1f} ({low:+.1f} to {high:+.1f}){star}"))
    return rows


def to_markdown(rows: list[list[Cell]]) -> str:
    lines = [[_markdown(cell) for cell in row] for row in rows]
    lines.insert(1, ["---", *["---:"] * (len(rows[0]) - 1)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown(cell: Cell) -> str:
    text = cell.text.replace("|", "\\|").replace("*", "\\*")
    return f"**{text}**" if cell.is_bold else text


def to_latex(rows: list[list[Cell]]) -> str:
    """A tabular with the rules of booktabs."""
    lines = [" & ".join(_latex(cell) for cell in row) + r" \\" for row in rows]
    begin = f"\\begin{{tabular}}{{l{'r' * (len(rows[0]) - 1)}}}"
    return "\n".join([begin, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"])


def _latex(cell: Cell) -> str:
    text = "".join(LATEX.get(character, character) for character in cell.text)
    return f"\\textbf{{{text}}}" if cell.is_bold else text


def write_paper(
    folder: Path, stem: str, results: dict, differences: dict, labels: dict[str, str], legend: str
) -> None:
    """`stem`.md and `stem`.tex: every model's figures, and below them how they differ, each with its legend line."""
    bold = " Best in bold." if len(results) > 1 else ""
    parts = [(result_rows(results, labels), legend + bold)]
    if differences:
        ranks = ", of ranks as they are" if any(scale_of(key) == 1 for key in labels) else ""
        parts.append((difference_rows(differences, labels), f"Differences in points{ranks}. {STAR}"))
    markdown = "\n\n".join(f"{to_markdown(rows)}\n\n{_markdown(Cell(legend))}" for rows, legend in parts)
    latex = "\n\n".join(f"{to_latex(rows)}\n\n{_latex(Cell(legend))}" for rows, legend in parts)
    for suffix, text in (("md", markdown), ("tex", latex)):
        write_whole(folder / f"{stem}.{suffix}", lambda beside, text=text: beside.write_text(text + "\n", "utf-8"))
