"""Pictures of ZSTE figures, at the size of a page: letters of 8 points where they are printed as wide as the text."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
from matplotlib import pyplot
from scipy.stats import binomtest

from teminal.evaluation.tables import BLOCKS, LABELS

WIDTH_INCH = 7  # of the text of a page
STYLE = {"font.size": 8, "axes.titlesize": 9, "axes.axisbelow": True, "savefig.dpi": 200}
LARGEST_CELL_INCH, SMALLEST_CELL_INCH = 0.4, 0.13  # of a heat map


def rows_of(zste: dict[str, dict]) -> tuple[dict[str, float], list[float]]:
    """Where each figure stands on the y axis, with room between tasks, and where the rules between them are."""
    first, place, rules, y = next(iter(zste.values())), {}, [], 0.0
    for block in BLOCKS:
        present = [key for key in block if key in first]
        place |= {key: y + i for i, key in enumerate(present)}
        y += len(present) + 0.6
        rules.append(y - 0.8)
    return place, rules[:-1]


def accuracy_axes(place: dict[str, float], rules: list[float], title: str, height_inch: float):
    figure, axes = pyplot.subplots(figsize=(WIDTH_INCH, height_inch), layout="constrained")
    axes.set_yticks(list(place.values()), [LABELS[key] for key in place])
    for key, label in zip(place, axes.get_yticklabels(), strict=True):
        label.set_fontweight("normal" if key[0].isdigit() else "bold")
    axes.set_ylim(max(place.values()) + 0.7, -0.7)
    axes.set_xlim(-1, 101)
    axes.hlines(rules, *axes.get_xlim(), colors="lightgrey", linewidth=0.8)
    axes.grid(axis="x", alpha=0.4)
    axes.set_xlabel("accuracy (%)")
    axes.set_title(title)
    return figure, axes


def finish(figure, axes, path: Path) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def plot_bars(path: Path, zste: dict[str, dict], title: str) -> None:
    """Bars of each sub-task and mean per model, with 95 % intervals and chance levels, in percent."""
    with pyplot.rc_context(STYLE):
        place, rules = rows_of(zste)
        figure, axes = accuracy_axes(place, rules, title, 1.2 + len(place) * (0.14 + 0.05 * len(zste)))
        width = 0.84 / len(zste)
        for i, (name, result) in enumerate(zste.items()):
            y = [row + (i - (len(zste) - 1) / 2) * width for row in place.values()]
            values = np.array([100 * result[key] for key in place])
            low, high = 100 * np.array([result[f"{key}_ci95"] for key in place]).T
            spread = np.clip([values - low, high - values], 0, None)
            axes.barh(y, values, width, xerr=spread, label=name, error_kw={"elinewidth": 0.7})
        chance = [100 * next(iter(zste.values()))[f"{key}_chance"] for key in place]
        ends = [row - 0.45 for row in place.values()], [row + 0.45 for row in place.values()]
        axes.vlines(chance, *ends, colors="black", linewidth=1.2, label="chance")
        finish(figure, axes, path)


def plot_change(path: Path, zste: dict[str, dict], title: str) -> None:
    """An arrow from the first model to the last for each sub-task and mean, in percent, and the chance levels."""
    before, *_, after = zste
    with pyplot.rc_context(STYLE):
        place, rules = rows_of(zste)
        figure, axes = accuracy_axes(place, rules, title, 2 + 0.2 * len(place))
        for key, y in place.items():
            start, end = (100 * zste[name][key] for name in (before, after))
            low, high = (100 * bound for bound in zste[after][f"{key}_ci95"])
            axes.plot([low, high], [y, y], color="C1", alpha=0.3, linewidth=5, solid_capstyle="butt")
            axes.annotate("", (end, y), (start, y), arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkA": 0})
            axes.plot(start, y, "C0o", markersize=4, label=before if y == 0 else None)
            axes.plot(end, y, "C1o", markersize=4, label=f"{after}, 95 % interval" if y == 0 else None)
            chance = 100 * zste[before][f"{key}_chance"]
            axes.plot(chance, y, "k|", markersize=9, label="chance" if y == 0 else None)
        finish(figure, axes, path)


def plot_pairs(path: Path, pairs: list[tuple[str, str]], right: list[bool], title: str) -> None:
    """Heat map of the order accuracy of each two classes, with the number of questions in each cell; grey for none.

    Args:
        pairs: (first, second) event of each question about an order.
        right: whether it was answered right.
    """
    classes = sorted({label for pair in pairs for label in pair})
    row = {label: i for i, label in enumerate(classes)}
    hits, counts = np.zeros((2, len(classes), len(classes)))
    for (first, second), value in zip(pairs, right, strict=True):
        hits[row[first], row[second]] += value
        counts[row[first], row[second]] += 1
    share = np.divide(100 * hits, counts, out=np.full_like(hits, np.nan), where=counts > 0)
    cell_inch = float(np.clip(5 / len(classes), SMALLEST_CELL_INCH, LARGEST_CELL_INCH))
    side = 1.8 + max(1.5, cell_inch * len(classes))
    with pyplot.rc_context({**STYLE, "font.size": min(8, 65 * cell_inch)}):
        figure, axes = pyplot.subplots(figsize=(side + 0.8, side), layout="constrained")
        colours = matplotlib.colormaps["viridis"].with_extremes(bad="lightgrey")
        image = axes.imshow(share, vmin=0, vmax=100, cmap=colours)
        digits = len(str(int(counts.max())))
        for first, second in np.argwhere(counts > 0):
            colour = "black" if share[first, second] > 60 else "white"
            size = min(8, 65 * cell_inch / max(1.0, 0.7 * digits))
            axes.text(second, first, int(counts[first, second]), ha="center", va="center", color=colour, fontsize=size)
        names = [label.replace("_", " ") for label in classes]
        axes.set_xticks(range(len(classes)), names, rotation=90)
        axes.set_yticks(range(len(classes)), names)
        axes.set_xlabel("second event")
        axes.set_ylabel("first event")
        axes.set_title(f"{title}: order (3A, 3B)\nin the cells, the number of questions", fontsize=9)
        figure.colorbar(image, label="accuracy (%)", shrink=0.7)
        figure.savefig(path)
        pyplot.close(figure)


def plot_against(
    path: Path, values: list[float], right: dict[str, list[bool]], label: str, task: str, chance: float
) -> None:
    """Accuracy of each model against a property of the scenes, in up to five parts of about equally many.

    With Wilson's 95 % intervals; scenes of the same value are in the same part.
    """
    values = np.array(values)
    part_of = np.searchsorted(np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8])), values, side="left")
    parts = [np.flatnonzero(part_of == part) for part in np.unique(part_of)]
    where = np.array([values[part].mean() for part in parts])
    apart = 0.012 * float(np.ptp(where)) if len(where) > 1 else 0.01
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(WIDTH_INCH * 0.7, 3.2), layout="constrained")
        for number, (name, answers) in enumerate(right.items()):
            hits = [int(np.sum(np.array(answers)[part])) for part in parts]
            shares = np.array([100 * n_right / len(part) for n_right, part in zip(hits, parts, strict=True)])
            bounds = [
                binomtest(n_right, len(part)).proportion_ci(method="wilson")
                for n_right, part in zip(hits, parts, strict=True)
            ]
            spread = [
                shares - [100 * bound.low for bound in bounds],
                [100 * bound.high for bound in bounds] - shares,
            ]
            beside = where + (number - (len(right) - 1) / 2) * apart
            axes.errorbar(beside, shares, np.clip(spread, 0, None), marker="o", markersize=4, capsize=2, label=name)
        axes.axhline(100 * chance, color="black", linestyle="dotted", label="chance")
        axes.set_xlabel(label)
        axes.set_ylabel(f"accuracy (%)\n{LABELS[task]}")
        axes.set_ylim(0, 103)
        finish(figure, axes, path)
