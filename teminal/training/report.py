"""The picture of the course of a run."""

import math
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from teminal.training.progress import Progress
from teminal.training.stage import MEANS

LOSSES = {"loss": "total", "tnce": "TNCE", "in_group": "in-group", "replay": "replay", "event": "event"}
STAGES = {
    "pretrain": "pretrain: single clips and their classes",
    "A": "stage A: one sound or several",
    "B": "stage B: in which order",
    "joint": "joint: stages A and B by turns",
}
ORDER_UNKNOWN = math.log(2) / 2  # in-group loss of a model that tells everything but forward from reversed
STYLE = {"font.size": 8, "axes.titlesize": 9}


def plot_course(path: Path, progress: Progress) -> None:
    """A panel for the losses of each stage, and one for ZSTE on validation clips and after each stage."""
    stages = list(dict.fromkeys(item["stage"] for item in progress.history))
    with pyplot.rc_context(STYLE):
        height_inch = 1.7 * len(stages) + 2.2
        figure, panels = pyplot.subplots(len(stages) + 1, figsize=(7, height_inch), layout="constrained")
        for stage, axes in zip(stages, panels, strict=False):
            plot_losses(axes, stage, [item["losses"] for item in progress.history if item["stage"] == stage])
        plot_zste(panels[-1], stages, progress)
        for axes in panels:
            axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        figure.savefig(path, dpi=200)
        pyplot.close(figure)


def plot_losses(axes, stage: str, losses: list[dict[str, float]]) -> None:
    steps = range(1, len(losses) + 1)
    for number, (name, label) in enumerate(LOSSES.items()):
        if name in losses[0]:
            axes.plot(steps, [item[name] for item in losses], f"C{number}", label=label, linewidth=0.8)
    if "in_group" in losses[0] and stage in ("B", "joint"):
        axes.axhline(ORDER_UNKNOWN, color="C2", linestyle="dotted", label="in-group, order unknown")
    axes.set_yscale("log")
    axes.set_ylabel("loss")
    axes.set_xlabel("optimizer step of the stage")
    axes.set_title(STAGES[stage], loc="left")


def plot_zste(axes, stages: list[str], progress: Progress) -> None:
    starts = {}
    for number, item in enumerate(progress.history):
        starts.setdefault(item["stage"], number)
    at = [starts[item["stage"]] + item["step"] for item in progress.validations]
    ends = [starts[stage] for stage in stages if stage != "pretrain"]
    ends += [len(progress.history)] * (len(progress.zste) - len(ends))
    for number, name in enumerate(MEANS):
        values = [100 * result[name] for result in progress.zste.values()]
        axes.plot(ends[: len(values)], values, f"C{number}o", label=f"{name}, test")
        if at:
            values = [100 * item["zste"][name] for item in progress.validations]
            axes.plot(at, values, f"C{number}.-", label=f"{name}, validation")
        for result in list(progress.zste.values())[:1]:
            axes.axhline(
                100 * result[f"{name}_chance"], color=f"C{number}", linestyle="dotted", label=f"{name}, chance"
            )
    for stage in stages:
        axes.axvline(starts[stage], color="grey", linewidth=0.6)
        axes.annotate(stage, (starts[stage], 1), xycoords=("data", "axes fraction"), va="bottom")
    axes.set_ylabel("ZSTE (%)")
    axes.set_xlabel("optimizer step of all stages")
