"""Plot how often order is told right as gap, ratio, total length and background change."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

from teminal.evaluation.plots import STYLE, WIDTH_INCH

AXES = {
    "gap_s": "gap between two sounds of 2 s (s)",
    "duration_ratio": "durations of the two sounds, 10 s in all",
    "duration_s": "length of both sounds in all (s)",
    "background_db": "level of the sounds over a third one (dB)",
}


def plot_curves(path: Path, curves: Mapping[str, Mapping[str, list[dict]]]) -> None:
    """Plot a panel for each curve: a line for each model with 95 % intervals as bands, and the chance level.

    Args:
        curves: model -> what [`teminal.evaluation.curves.score_curves`] returns.
    """
    with pyplot.rc_context(STYLE):
        figure, panels = pyplot.subplots(2, 2, figsize=(WIDTH_INCH, 4.8), sharey=True, layout="constrained")
        for axes, curve in zip(panels.flat, AXES, strict=True):
            _plot_curve(axes, curve, {name: of_model[curve] for name, of_model in curves.items()})
        for axes in panels[:, 0]:
            axes.set_ylabel("all four statements of\norder told right (%)")
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
        figure.savefig(path)
        pyplot.close(figure)


def _plot_curve(axes: Axes, curve: str, models: Mapping[str, list[dict]]) -> None:
    first = next(iter(models.values()))
    x = np.arange(len(first))  # points are evenly spaced
    for number, (name, points) in enumerate(models.items()):
        low, high = 100 * np.array([point["ci95"] for point in points]).T
        axes.fill_between(x, low, high, color=f"C{number}", alpha=0.2, linewidth=0)
        axes.plot(x, [100 * point["accuracy"] for point in points], f"C{number}o-", markersize=3, label=name)
    axes.axhline(100 * first[0]["chance"], color="black", linestyle="dashed", linewidth=0.8, label="chance")
    axes.set_xticks(x, [_name_value(curve, point["value"]) for point in first])
    axes.set_xlabel(f"{AXES[curve]}; n = {first[0]['n']}")
    axes.set_ylim(0, 103)
    axes.grid(alpha=0.4)


def _name_value(curve: str, value: float | None) -> str:
    if value is None:
        return "none"
    return f"1:{value:g}" if curve == "duration_ratio" else f"{value:g}"
