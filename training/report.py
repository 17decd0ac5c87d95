"""What a run leaves to look at: results JSON and a picture of ZSTE before and after."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from eval.zste.zste import TASKS
from training.progress import Progress
from training.stage import MEANS

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


def write_results(path: Path, results: dict) -> None:
    path.write_text(json.dumps(results, indent=2) + "\n")


def plot_zste(path: Path, zste: dict[str, dict], title: str) -> None:
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


def plot_course(path: Path, progress: Progress) -> None:
    """Losses over optimizer steps, and below it ZSTE on validation clips and after each stage."""
    figure, (above, below) = pyplot.subplots(2, figsize=(10, 6), sharex=True, layout="constrained")
    steps = range(1, len(progress.history) + 1)
    for name in dict.fromkeys(name for item in progress.history for name in item["losses"]):
        losses = [item["losses"].get(name, float("nan")) for item in progress.history]
        above.plot(steps, losses, label=name, linewidth=0.8)
    above.set_yscale("log")
    above.set_ylabel("loss")
    above.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    starts = [i for i, item in enumerate(progress.history) if item["step"] == 1]
    for start in starts:
        label = progress.history[start]["stage"]
        above.annotate(label, (start, 1), xycoords=("data", "axes fraction"), va="bottom")
        for axes in (above, below):
            axes.axvline(start, color="grey", linestyle="dotted", linewidth=0.8)
    offset = {progress.history[start]["stage"]: start for start in starts}
    at = [offset[item["stage"]] + item["step"] for item in progress.validations]
    ends = [start for start in starts if progress.history[start]["stage"] != "pretrain"]
    ends += [len(progress.history)] * (len(progress.zste) - len(ends))
    for i, name in enumerate(MEANS):
        values = [100 * result[name] for result in progress.zste.values()]
        below.plot(ends[: len(values)], values, f"C{i}o", label=f"{name}, test")
        if at:
            values = [100 * item["zste"][name] for item in progress.validations]
            below.plot(at, values, f"C{i}.-", label=f"{name}, validation")
    below.set_ylabel("ZSTE (%)")
    below.set_xlabel("optimizer step")
    below.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
