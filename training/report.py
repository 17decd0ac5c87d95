"""What a run leaves to look at: results JSON and a picture of ZSTE before and after."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from training.checkpoints import Progress
from training.stage import MEANS

SHOWN = ("1A", "1B", "2A", "2B", "2C", "2D", "3A", "3B", "3C", "3D")


def write_results(path: Path, results: dict) -> None:
    path.write_text(json.dumps(results, indent=2) + "\n")


def plot_zste(path: Path, zste: dict[str, dict], title: str) -> None:
    """Bars of each sub-task per model, with 95 % intervals and chance levels, in percent."""
    figure, axes = pyplot.subplots(figsize=(10, 4), layout="constrained")
    width = 0.8 / len(zste)
    for i, (name, result) in enumerate(zste.items()):
        place = [j + (i - (len(zste) - 1) / 2) * width for j in range(len(SHOWN))]
        height = [100 * result[task] for task in SHOWN]
        spread = [
            [abs(100 * result[f"{task}_ci95"][side] - value) for task, value in zip(SHOWN, height, strict=True)]
            for side in (0, 1)
        ]
        axes.bar(place, height, width, yerr=spread, label=name, error_kw={"elinewidth": 0.8})
    first = next(iter(zste.values()))
    for j, task in enumerate(SHOWN):
        chance = 100 * first[f"{task}_chance"]
        axes.hlines(
            chance, j - 0.45, j + 0.45, colors="black", linestyles="dotted", label="chance" if j == 0 else None
        )
    axes.set_xticks(range(len(SHOWN)), SHOWN)
    axes.set_ylim(0, 103)
    axes.set_ylabel("accuracy (%)")
    axes.set_xlabel("ZSTE sub-task (1 one sound, 2 two sounds, 3 before / after / while)")
    axes.set_title(title)
    axes.legend(ncols=len(zste) + 1, loc="upper center", bbox_to_anchor=(0.5, -0.15), frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def plot_course(path: Path, progress: Progress) -> None:
    """Losses over optimizer steps, and below it ZSTE on validation clips and after each stage."""
    figure, (above, below) = pyplot.subplots(2, figsize=(10, 6), sharex=True, layout="constrained")
    steps = range(1, len(progress.history) + 1)
    for name in dict.fromkeys(name for item in progress.history for name in item["losses"]):
        losses = [item["losses"].get(name, float("nan")) for item in progress.history]
        above.plot(steps, losses, label=name, linewidth=0.8)
    above.set_yscale("log")
    above.set_ylabel("loss")
    above.legend(frameon=False, loc="upper right")
    starts = [i for i, item in enumerate(progress.history) if item["step"] == 1]
    for start in starts:
        label = progress.history[start]["stage"]
        above.annotate(label, (start, 1), xycoords=("data", "axes fraction"), va="bottom")
        for axes in (above, below):
            axes.axvline(start, color="grey", linestyle="dotted", linewidth=0.8)
    offset = {progress.history[start]["stage"]: start for start in starts}
    at = [offset[item["stage"]] + item["step"] for item in progress.validations]
    for name in MEANS:
        values = [100 * item["zste"][name] for item in progress.validations]
        below.plot(at, values, marker=".", label=f"{name}, validation")
    below.set_ylabel("ZSTE (%)")
    below.set_xlabel("optimizer step")
    if progress.validations:
        below.legend(frameon=False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
