"""Tables of several models for a paper: Markdown and LaTeX, the best in bold, differences with their intervals."""

from dataclasses import dataclass
from pathlib import Path

from teminal.files import write_whole

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
