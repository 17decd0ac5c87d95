"""Record the progress and results of a run, and plot them."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

MEANS = ("recognition", "temporal", "robustness", "zste")
LABELS = {"loss": "total", "tnce": "TNCE", "in_group": "in-group"}
STAGE_TITLES = {
    "pretrain": "pretrain: single clips and their classes",
    "A": "stage A: one sound or several",
    "B": "stage B: in which order",
    "joint": "joint: stages A and B by turns",
}
ORDER_UNKNOWN = math.log(2) / 2  # in-group loss of a model that only confuses forward and reversed


@dataclass
class Progress:
    """Progress and results of a run, saved as JSON.

    Attributes:
        stage: index of the stage.
        step, global_step: number of finished steps of the stage, and of all stages.
        history: losses of every step, with `stage` and `step`.
        validations: ZSTE on validation clips, with `stage` and `step`.
        figures: stage -> its figures.
        zste: model (base, after A, ...) -> ZSTE.
        kept: model -> accuracy on single sounds of `--keep_source`.
        time_s, waited_s, n_pairs: totals of the stage's steps, without validation and checkpoints.
    """

    stage: int = 0
    step: int = 0
    global_step: int = 0
    history: list[dict] = field(default_factory=list)
    validations: list[dict] = field(default_factory=list)
    figures: dict[str, dict] = field(default_factory=dict)
    zste: dict[str, dict] = field(default_factory=dict)
    kept: dict[str, dict] = field(default_factory=dict)
    time_s: float = 0.0
    waited_s: float = 0.0
    n_pairs: int = 0

    def start_stage(self, stage: str) -> None:
        """Reset the counters for a new stage."""
        self.step, self.n_pairs, self.time_s, self.waited_s = 0, 0, 0.0, 0.0
        self.figures[stage] = {}

    def add_step(self, stage: str, losses: dict[str, float], n_pairs: int, waited_s: float, time_s: float) -> None:
        """Add a step that took `time_s` seconds, `waited_s` of them for its batch."""
        self.step += 1
        self.global_step += 1
        self.n_pairs += n_pairs
        self.waited_s += waited_s
        self.time_s += time_s
        self.history.append({"stage": stage, "step": self.step, "losses": losses})

    def compute_speed(self) -> dict[str, float]:
        """Compute pairs per second, and the share of time spent waiting for data."""
        return {"pairs_per_s": self.n_pairs / self.time_s, "wait_share": self.waited_s / self.time_s}

    def losses(self, stage: str) -> list[dict[str, float]]:
        """Return the losses of each step of a stage."""
        return [item["losses"] for item in self.history if item["stage"] == stage]

    def end_stage(self, stage: str) -> dict[str, float]:
        """Compute the figures of a stage: its speed, and its mean losses over the last tenth of its steps."""
        losses = self.losses(stage)
        last = losses[-max(1, len(losses) // 10) :]
        means = {name: sum(item[name] for item in last) / len(last) for name in last[0]}
        self.figures[stage] |= {**means, **self.compute_speed(), "time_s": self.time_s}
        return self.figures[stage]


def plot_course(path: Path, progress: Progress) -> None:
    """Plot the losses of each stage in a panel, and ZSTE on validation and test clips in the last."""
    stages = list(dict.fromkeys(item["stage"] for item in progress.history))
    with rc_context({"font.size": 8, "axes.titlesize": 9}):
        figure = Figure(figsize=(7, 1.7 * len(stages) + 2.2), layout="constrained")  # inches
        panels = figure.subplots(len(stages) + 1)
        for stage, axes in zip(stages, panels, strict=False):
            _plot_losses(axes, stage, progress.losses(stage))
        _plot_zste(panels[-1], stages, progress)
        for axes in panels:
            axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        figure.savefig(path, dpi=200)


def _plot_losses(axes: Axes, stage: str, losses: list[dict[str, float]]) -> None:
    steps = range(1, len(losses) + 1)
    for name in losses[0]:
        axes.plot(steps, [item[name] for item in losses], label=LABELS.get(name, name), linewidth=0.8)
    if "in_group" in losses[0] and stage in ("B", "joint"):
        axes.axhline(ORDER_UNKNOWN, color="C2", linestyle="dotted", label="in-group, order unknown")
    axes.set(yscale="log", ylabel="loss", xlabel="optimizer step of the stage")
    axes.set_title(STAGE_TITLES[stage], loc="left")


def _plot_zste(axes: Axes, stages: list[str], progress: Progress) -> None:
    starts: dict[str, int] = {}
    for number, item in enumerate(progress.history):
        starts.setdefault(item["stage"], number)
    validated_at = [starts[item["stage"]] + item["step"] for item in progress.validations]
    tested_at = [starts[stage] for stage in stages if stage != "pretrain"]
    tested_at += [len(progress.history)] * (len(progress.zste) - len(tested_at))
    base = next(iter(progress.zste.values()))
    for number, name in enumerate(name for name in MEANS if name in base):
        color, chance = f"C{number}", 100 * base[f"{name}_chance"]
        tested = [100 * figures[name] for figures in progress.zste.values()]
        axes.plot(tested_at[: len(tested)], tested, f"{color}o", label=f"{name}, test")
        if validated_at:
            validated = [100 * item["zste"][name] for item in progress.validations]
            axes.plot(validated_at, validated, f"{color}.-", label=f"{name}, validation")
        axes.axhline(chance, color=color, linestyle="dotted", label=f"{name}, chance")
    for stage in stages:
        axes.axvline(starts[stage], color="grey", linewidth=0.6)
        axes.annotate(stage, (starts[stage], 1), xycoords=("data", "axes fraction"), va="bottom")
    axes.set(ylabel="ZSTE (%)", xlabel="optimizer step of all stages")
