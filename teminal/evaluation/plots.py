"""Plot ZSTE figures, as wide as the text of a page, with letters of 8 points."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from teminal.evaluation.statistics import Figures
from teminal.evaluation.tables import ZSTE_LABELS, shared_figures

WIDTH_INCH = 7  # of the text of a page
STYLE: Any = {"font.size": 8, "axes.titlesize": 9, "axes.axisbelow": True, "savefig.dpi": 200}
LARGEST_CELL_INCH, SMALLEST_CELL_INCH = 0.4, 0.13  # of a heat map


def plot_bars(path: Path, zste: Mapping[str, Mapping], title: str) -> None:
    """Plot a bar per model for each sub-task and mean, with 95 % intervals and chance levels, in percent."""
    with pyplot.rc_context(STYLE):
        figure, axes, place = _accuracy_axes(shared_figures(zste, ZSTE_LABELS), title, 0.14 + 0.05 * len(zste))
        draw_bars(axes, zste, list(place), np.array(list(place.values())))
        _save(figure, axes, path)


def draw_bars(axes: Axes, results: Mapping[str, Mapping], names: list[str], y: np.ndarray) -> None:
    """Draw a bar per model for each of the figures `names`, at heights `y`, with intervals and chance, in percent."""
    width = 0.84 / len(results)
    for number, (model, figures) in enumerate(results.items()):
        values = np.array([100 * figures[name] for name in names])
        low, high = 100 * np.array([figures[f"{name}_ci95"] for name in names]).T
        spread = np.clip([values - low, high - values], 0, None)
        beside = y + (number - (len(results) - 1) / 2) * width
        axes.barh(beside, values, width, xerr=spread, label=model, error_kw={"elinewidth": 0.7})
    chance = [100 * next(iter(results.values()))[f"{name}_chance"] for name in names]
    axes.vlines(chance, y - 0.45, y + 0.45, colors="black", linewidth=1.2, label="chance")


def plot_change(path: Path, zste: Mapping[str, Mapping], title: str) -> None:
    """Plot an arrow from the first to the last model for each sub-task and mean, with chance levels, in percent."""
    before, *_, after = zste
    with pyplot.rc_context(STYLE):
        figure, axes, place = _accuracy_axes(shared_figures(zste, ZSTE_LABELS), title, 0.2)
        for key, y in place.items():
            start, end, chance = 100 * zste[before][key], 100 * zste[after][key], 100 * zste[after][f"{key}_chance"]
            low, high = zste[after][f"{key}_ci95"]
            axes.plot([100 * low, 100 * high], [y, y], color="C1", alpha=0.3, linewidth=5, solid_capstyle="butt")
            axes.annotate("", (end, y), (start, y), arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkA": 0})
            axes.plot(start, y, "C0o", markersize=4, label=before if y == 0 else None)
            axes.plot(end, y, "C1o", markersize=4, label=f"{after}, 95 % interval" if y == 0 else None)
            axes.plot(chance, y, "k|", markersize=9, label="chance" if y == 0 else None)
        _save(figure, axes, path)


def _accuracy_axes(names: list[str], title: str, row_inch: float) -> tuple[Figure, Axes, dict[str, float]]:
    """Make axes with a row per ZSTE figure and a line between tasks; also return the position of each row."""
    place, rules, y = {}, [], 0.0
    for key in names:
        place[key] = y
        y += 1
        if key.startswith("task"):
            rules.append(y - 0.2)
            y += 0.6
    figure, axes = pyplot.subplots(figsize=(WIDTH_INCH, 1.6 + row_inch * len(place)), layout="constrained")
    axes.set_yticks(list(place.values()), [ZSTE_LABELS[key] for key in place])
    for key, label in zip(place, axes.get_yticklabels(), strict=True):
        label.set_fontweight("normal" if key[0].isdigit() else "bold")
    axes.set_ylim(y - 0.3, -0.7)
    axes.set_xlim(-1, 101)
    axes.hlines(rules, -1, 101, colors="lightgrey", linewidth=0.8)
    axes.grid(axis="x", alpha=0.4)
    axes.set_xlabel("accuracy (%)")
    axes.set_title(title)
    return figure, axes, place


def _save(figure: Figure, axes: Axes, path: Path) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def plot_pairs(path: Path, pairs: list[tuple[str, ...]], right: list[bool], title: str) -> None:
    """Plot a heat map of order accuracy by pair of classes, with the number of questions in each cell.

    Args:
        pairs: (first, second) event of each question.
        right: whether each question was answered right.
    """
    classes = sorted({label for pair in pairs for label in pair})
    rows, columns = np.array([[classes.index(label) for label in pair] for pair in pairs]).T
    hits, counts = np.zeros((2, len(classes), len(classes)))
    np.add.at(hits, (rows, columns), right)
    np.add.at(counts, (rows, columns), 1)
    share = np.divide(100 * hits, counts, out=np.full_like(hits, np.nan), where=counts > 0)
    cell_inch = float(np.clip(5 / len(classes), SMALLEST_CELL_INCH, LARGEST_CELL_INCH))
    side, letters = 1.8 + max(1.5, cell_inch * len(classes)), 65 * cell_inch
    with pyplot.rc_context({**STYLE, "font.size": min(8, letters)}):
        figure, axes = pyplot.subplots(figsize=(side + 0.8, side), layout="constrained")
        colours = matplotlib.colormaps["viridis"].with_extremes(bad="lightgrey")
        image = axes.imshow(share, vmin=0, vmax=100, cmap=colours)
        size = min(8, letters / max(1.0, 0.7 * len(str(int(counts.max())))))
        for first, second in np.argwhere(counts > 0):
            colour = "black" if share[first, second] > 60 else "white"
            axes.text(
                second, first, str(int(counts[first, second])), ha="center", va="center", color=colour, fontsize=size
            )
        names = [label.replace("_", " ") for label in classes]
        axes.set_xticks(range(len(classes)), names, rotation=90)
        axes.set_yticks(range(len(classes)), names)
        axes.set_xlabel("second event")
        axes.set_ylabel("first event")
        asked = "order, said with “before” or “after” (3A, 3B)"
        axes.set_title(f"{title}: {asked}\nin the cells, the number of questions", fontsize=9)
        figure.colorbar(image, label="accuracy (%)", shrink=0.7)
        figure.savefig(path)
        pyplot.close(figure)


def plot_against(path: Path, values: list[float], zste: Mapping[str, Figures], label: str, task: str) -> None:
    """Plot each model's accuracy in a sub-task against a property of scenes, with Wilson's 95 % intervals.

    Scenes are grouped by quintiles of the property.
    """
    of_scenes = np.array(values)
    bounds = np.unique(np.quantile(of_scenes, [0.2, 0.4, 0.6, 0.8]))
    part_of = np.searchsorted(bounds, of_scenes, side="left")
    parts = [np.flatnonzero(part_of == part) for part in np.unique(part_of)]
    where = np.array([of_scenes[part].mean() for part in parts])
    apart = 0.012 * float(np.ptp(where)) if len(where) > 1 else 0.01
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(WIDTH_INCH * 0.7, 3.2), layout="constrained")
        for number, (name, figures) in enumerate(zste.items()):
            right = np.array(figures.right[task])
            tests = [binomtest(int(right[part].sum()), len(part)) for part in parts]
            shares = np.array([test.statistic for test in tests])
            low, high = np.array([test.proportion_ci(method="wilson") for test in tests]).T
            spread = 100 * np.clip([shares - low, high - shares], 0, None)
            beside = where + (number - (len(zste) - 1) / 2) * apart
            axes.errorbar(beside, 100 * shares, spread, marker="o", markersize=4, capsize=2, label=name)
        chance = 100 * next(iter(zste.values()))[f"{task}_chance"]
        axes.axhline(chance, color="black", linestyle="dotted", label="chance")
        axes.set_xlabel(label)
        axes.set_ylabel(f"accuracy (%)\n{ZSTE_LABELS[task]}")
        axes.set_ylim(0, 103)
        _save(figure, axes, path)
