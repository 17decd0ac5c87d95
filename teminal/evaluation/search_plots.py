"""Plot composed search: figures by kind of query, and what is found first."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
from matplotlib import pyplot
from matplotlib.patches import Patch

from teminal.evaluation.plots import STYLE, WIDTH_INCH, draw_bars
from teminal.evaluation.search_figures import METRICS
from teminal.evaluation.search_queries import OUTCOMES

COLOURS = {
    "right": "#2a7f3f",
    "other_order": "#d1495b",
    "at_once": "#edae49",
    "in_turn": "#c17817",
    "other_lengths": "#f4d58d",
    "both_heard": "#8d5a97",
    "one_exchanged": "#5b8ec9",
    "other": "#c9c9c9",
}
SMALLEST_SHARE = 6  # in %, whose number is written into a bar


def plot_kinds(path: Path, results: Mapping[str, Mapping]) -> None:
    """Plot a bar per model for each kind of query, with 95 % intervals and chance levels; a panel for each metric."""
    rows = [*OUTCOMES, "temporal", "mean"]
    y = np.arange(len(rows))
    with pyplot.rc_context(STYLE):
        height = 1.3 + len(rows) * (0.15 + 0.07 * len(results))
        figure, panels = pyplot.subplots(1, 4, figsize=(WIDTH_INCH, height), sharey=True, layout="constrained")
        for axes, metric in zip(panels, METRICS, strict=True):
            draw_bars(axes, results, [f"{kind}_{metric}" for kind in rows], y)
            axes.set_title(metric)
            axes.set_xlim(0, 101)
            axes.set_xlabel("%")
            axes.grid(axis="x", alpha=0.4)
        panels[0].set_yticks(y, [kind.replace("_", " ") for kind in rows])
        panels[0].set_ylim(len(rows) - 0.4, -0.6)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
        figure.savefig(path)
        pyplot.close(figure)


def plot_confusion(path: Path, confusion: Mapping, model: str) -> None:
    """Plot, for each kind of query, the shares of what is found first as one stacked bar, in percent."""
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(WIDTH_INCH, 2.6), layout="constrained")
        for row, (kind, names) in enumerate(OUTCOMES.items()):
            left = 0.0
            for name in names:
                share = 100 * confusion[f"{kind}_finds_{name}"]
                axes.barh(row, share, 0.7, left, color=COLOURS[name], edgecolor="white", linewidth=0.5)
                if share >= SMALLEST_SHARE:
                    axes.text(left + share / 2, row, f"{share:.0f}", ha="center", va="center")
                left += share
        axes.set_yticks(range(len(OUTCOMES)), [kind.replace("_", " ") for kind in OUTCOMES])
        axes.set_ylim(len(OUTCOMES) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.set_xlabel("queries (%)")
        axes.set_title(f"{model}: what is found first")
        handles = [Patch(color=colour, label=name.replace("_", " ")) for name, colour in COLOURS.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
        figure.savefig(path)
        pyplot.close(figure)
