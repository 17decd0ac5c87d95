"""Pictures of ZSTE figures; a white page of their own, so that they can be read in print and on a dark page."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
from matplotlib import pyplot
from scipy.stats import binomtest

from eval.zste.zste import TASKS

TASK_NAMES = (
    "one sound",
    "two sounds",
    "before / after / while",
    "pairings, all statements",
    "held-out wordings, three sounds",
)
SHOWN = {
    **{f"{i} {name}": [*TASKS[f"task{i}"], f"task{i}"] for i, name in enumerate(TASK_NAMES, start=1)},
    "means of tasks": ["recognition", "temporal", "zste"],
}
TICKS = {**dict.fromkeys(TASKS, "mean"), "recognition": "1, 2", "temporal": "3 to 5", "zste": "all"}


def plot_bars(path: Path, zste: dict[str, dict], title: str) -> None:
    """Bars of each sub-task and mean per model, with 95 % intervals and chance levels, in percent."""
    figure, axes = pyplot.subplots(figsize=(16, 4.5), layout="constrained")
    place, start = {}, 0.0
    for name, keys in SHOWN.items():
        place |= {key: start + j for j, key in enumerate(keys)}
        axes.text(start + (len(keys) - 1) / 2, -14, name, ha="center")
        start += len(keys) + 0.7

    width = 0.8 / len(zste)
    for i, (name, result) in enumerate(zste.items()):
        left = [x + (i - (len(zste) - 1) / 2) * width for x in place.values()]
        height = [100 * result[key] for key in place]
        spread = [
            [abs(100 * result[f"{key}_ci95"][side] - value) for key, value in zip(place, height, strict=True)]
            for side in (0, 1)
        ]
        axes.bar(left, height, width, yerr=spread, label=name, error_kw={"elinewidth": 0.8})
    first = next(iter(zste.values()))
    chance = [100 * first[f"{key}_chance"] for key in place]
    ends = [x - 0.45 for x in place.values()], [x + 0.45 for x in place.values()]
    axes.hlines(chance, *ends, colors="black", linestyles="dotted", label="chance")
    axes.set_xticks(list(place.values()), [TICKS.get(key, key) for key in place])
    axes.set_xlim(-0.8, start - 0.9)
    axes.set_ylim(0, 103)
    axes.set_ylabel("accuracy (%)")
    axes.set_title(title)
    axes.legend(ncols=len(zste) + 1, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def plot_change(path: Path, zste: dict[str, dict], title: str) -> None:
    """An arrow from the first model to the last for each sub-task and mean, in percent, and the chance levels."""
    before, *_, after = zste
    keys = [key for keys in SHOWN.values() for key in keys if key in zste[before]]
    figure, axes = pyplot.subplots(figsize=(7, 8), layout="constrained")
    for y, key in enumerate(keys):
        start, end = (100 * zste[name][key] for name in (before, after))
        low, high = (100 * bound for bound in zste[after][f"{key}_ci95"])
        axes.plot([low, high], [y, y], color="C1", alpha=0.3, linewidth=6, solid_capstyle="butt")
        axes.annotate("", (end, y), (start, y), arrowprops={"arrowstyle": "-|>", "color": "black", "shrinkA": 0})
        axes.plot(start, y, "C0o", markersize=5, label=before if y == 0 else None)
        axes.plot(end, y, "C1o", markersize=5, label=f"{after}, 95 % interval" if y == 0 else None)
        chance = 100 * zste[before][f"{key}_chance"]
        axes.plot(chance, y, "k|", markersize=11, label="chance" if y == 0 else None)
    axes.set_yticks(range(len(keys)), keys)
    axes.invert_yaxis()
    axes.set_xlim(-2, 102)
    axes.set_xlabel("accuracy (%)")
    axes.grid(axis="y", alpha=0.3)
    axes.set_title(title)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def plot_pairs(path: Path, pairs: list[tuple[str, str]], right: list[bool], title: str) -> None:
    """Heat map of the order accuracy of each two classes; grey where no scene has them.

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
    size = 3 + 0.16 * len(classes)
    figure, axes = pyplot.subplots(figsize=(size + 0.8, size), layout="constrained")
    colours = matplotlib.colormaps["viridis"].with_extremes(bad="lightgrey")
    image = axes.imshow(share, vmin=0, vmax=100, cmap=colours)
    names = [label.replace("_", " ") for label in classes]
    axes.set_xticks(range(len(classes)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(classes)), names, fontsize=7)
    axes.set_xlabel("second event")
    axes.set_ylabel("first event")
    axes.set_title(title)
    figure.colorbar(image, label="order accuracy (%)", shrink=0.7)
    figure.savefig(path, dpi=150)
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
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for name, answers in right.items():
        hits = [int(np.sum(np.array(answers)[part])) for part in parts]
        shares = [100 * n_right / len(part) for n_right, part in zip(hits, parts, strict=True)]
        spread = []
        for n_right, part, share in zip(hits, parts, shares, strict=True):
            bounds = binomtest(n_right, len(part)).proportion_ci(method="wilson")
            spread.append([share - 100 * bounds.low, 100 * bounds.high - share])
        where = [values[part].mean() for part in parts]
        axes.errorbar(where, shares, np.clip(np.transpose(spread), 0, None), marker="o", capsize=3, label=name)
    axes.axhline(100 * chance, color="black", linestyle="dotted", label="chance")
    axes.set_xlabel(label)
    axes.set_ylabel(f"accuracy in {task} (%)")
    axes.set_ylim(0, 103)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
