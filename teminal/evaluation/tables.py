"""Make tables of models: as text, Markdown, LaTeX and CSV, and for the `model-index` of a card."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd
from huggingface_hub import EvalResult

from teminal.files import write_whole

ZSTE_LABELS = {
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
    "6A": "order, slots of 2 and 8 s (6A)",
    "6B": "order, short sounds with gaps (6B)",
    "6C": "order, sounds that overlap in part (6C)",
    "6D": "order, over a background at 10 dB (6D)",
    "6E": "order, halves of 4 s in all (6E)",
    "6F": "order, halves of 20 s in all (6F)",
    "6G": "order, halves of 60 s in all (6G)",
    "task6": "mean of task 6",
    "recognition": "recognition: tasks 1 and 2",
    "temporal": "temporal: tasks 3, 4 and 5",
    "robustness": "robustness: task 6",
    "zste": "ZSTE: tasks 1 to 5",
}
CONTROL_LABELS = {
    "control_3A": "“before”, audios permuted: must be chance (control_3A)",
    "control_3B": "“after”, audios permuted: must be chance (control_3B)",
    "control_3C": "before, after or while, audios permuted: must be chance (control_3C)",
}
LABELS = ZSTE_LABELS | CONTROL_LABELS
OTHER_LABELS = {
    "2C_over_1A_squared": "both sounds of a sequence over one sound squared (2C / 1A²)",
    "consistency": "consistency: all wordings give one order",
    "consistency_held_out": "consistency: all held-out wordings give one order",
}
LEGEND = (
    "Accuracy in % with 95 % bootstrap interval over scenes; ties lose. Codes are ZSTE's sub-tasks: tasks 1 and 2 ask "
    "which sounds are heard, 3 to 5 in what order, 5 in words never trained on, 6 in other layouts than halves of ten "
    "seconds, with all four statements of order."
)
STAR = "* The 95 % interval of the difference, paired over the same questions, excludes 0."
MARKDOWN = str.maketrans({"|": "\\|", "*": "\\*"})
LATEX = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "“": "``", "”": "''"}
    | {character: f"\\{character}" for character in "&%$#_{}"}
)


def label_figure(name: str) -> str:
    """Name a figure in words."""
    return (LABELS | OTHER_LABELS).get(name, name.replace("_", " "))


def list_figures(figures: Mapping) -> list[str]:
    """List the names of the figures that have an interval."""
    return [name for name in figures if f"{name}_ci95" in figures]


def shared_figures(results: Mapping[str, Mapping], names: Iterable[str]) -> list[str]:
    """List those of the figures that every model has; runs and fixed scenes of old versions have no task 6."""
    return [name for name in names if all(name in figures for figures in results.values())]


def scale_figure(name: str) -> int:
    """Get the factor to show a figure with: fractions in percent, ranks unchanged."""
    return 1 if name.endswith("rank") else 100


def result_table(results: Mapping[str, Mapping], names: list[str], bold: str = "{}") -> pd.DataFrame:
    """Make a table with a row per figure: chance level, and each model's value with interval.

    Args:
        results: model -> [`Figures`].
        names: the figures, in order of rows.
        bold: template of the best value in a row, such as `"**{}**"`.
    """
    first = next(iter(results.values()))
    table = pd.DataFrame("", [label_figure(name) for name in names], ["chance", *results], dtype=object)
    for row, name in enumerate(names):
        scale = scale_figure(name)
        if f"{name}_chance" in first:
            table.iloc[row, 0] = f"{scale * first[f'{name}_chance']:.2f}"
        values = [round(scale * figures[name], 1) for figures in results.values()]
        best = min(values) if name.endswith("rank") else max(values)
        for column, (figures, value) in enumerate(zip(results.values(), values, strict=True), start=1):
            low, high = figures[f"{name}_ci95"]
            text = f"{value:.1f} ({scale * low:.1f} to {scale * high:.1f})"
            table.iloc[row, column] = bold.format(text) if value == best and len(set(values)) > 1 else text
    return table


def difference_table(differences: dict[str, dict[str, dict]]) -> pd.DataFrame:
    """Make a table of differences between models with paired intervals, and a star if one excludes 0."""
    table = pd.DataFrame()
    for pair, by_name in differences.items():
        for name, found in by_name.items():
            scale = scale_figure(name)
            low, high = (scale * bound for bound in found["ci95"])
            star = "*" if low > 0 or high < 0 else ""
            text = f"{scale * found['difference']:+.1f} ({low:+.1f} to {high:+.1f}){star}"
            table.loc[label_figure(name), pair] = text
    return table


def format_table(results: Mapping[str, Mapping]) -> str:
    """Format every figure of all models as plain text: percent with interval; ranks unchanged."""
    return result_table(results, list_figures(next(iter(results.values())))).to_string()


def to_markdown(table: pd.DataFrame) -> str:
    """Format as a Markdown table."""
    columns = [str(column).translate(MARKDOWN) for column in table]
    alignment = ["left", *["right"] * len(columns)]
    return table.set_axis(columns, axis=1).to_markdown(colalign=alignment, disable_numparse=True)


def to_latex(table: pd.DataFrame) -> str:
    """Format as a LaTeX tabular with booktabs rules."""
    table = table.rename(index=lambda name: name.translate(LATEX), columns=lambda name: name.translate(LATEX))
    return table.to_latex(escape=False, column_format="l" + "r" * table.shape[1]).strip()


def write_tables(
    folder: Path,
    stem: str,
    results: Mapping[str, Mapping],
    differences: dict[str, dict],
    legend: str,
    mark_best: bool = True,
) -> None:
    """Write every model's figures as `stem`.md, `stem`.tex and `stem`.csv (fractions, with bounds, chance and n).

    The first two also have the legend and a table of differences between models, and, with `mark_best`, the best of
    several models in bold.
    """
    names = [name for name in list_figures(next(iter(results.values()))) if name not in CONTROL_LABELS]
    ranks = ", of ranks as they are" if any(scale_figure(name) == 1 for name in names) else ""
    below = f"Differences in points{ranks}. {STAR}"
    best = " Best in bold." if mark_best and len(results) > 1 else ""
    formats = {"md": (to_markdown, MARKDOWN, "**{}**"), "tex": (to_latex, LATEX, r"\textbf{{{}}}")}
    for suffix, (to_text, escapes, bold) in formats.items():
        parts = [
            to_text(result_table(results, names, bold if mark_best else "{}")),
            f"{legend}{best}".translate(escapes),
        ]
        if differences:
            parts += [to_text(difference_table(differences)), below.translate(escapes)]
        write_text(folder / f"{stem}.{suffix}", "\n\n".join(parts) + "\n")
    rows = []
    for model, figures in results.items():
        for name in names:
            low, high = figures[f"{name}_ci95"]
            about = {"model": model, "figure": name, "asks": label_figure(name), "value": figures[name]}
            chance, n = figures.get(f"{name}_chance"), figures[f"{name}_n"]
            rows.append({**about, "low": low, "high": high, "chance": chance, "n": n})
    write_text(folder / f"{stem}.csv", pd.DataFrame(rows).to_csv(index=False))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_whole(path, lambda beside: beside.write_text(text, "utf-8"))


def eval_results(evaluated: str, figures: Mapping, names: list[str]) -> list[EvalResult]:
    """List ZSTE figures in percent for the `model-index` of a card; `evaluated` names the scenes."""
    return [
        EvalResult(
            task_type="zero-shot-audio-classification",
            dataset_type="zste",
            dataset_name=evaluated,
            metric_type="accuracy",
            metric_name=f"ZSTE: {LABELS[name].removeprefix('ZSTE: ')}",
            metric_value=round(100 * figures[name], 2),
        )
        for name in names
        if name in figures
    ]
