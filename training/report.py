"""The picture of the course of a run."""

from pathlib import Path

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from training.progress import Progress
from training.stage import MEANS


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
