"""Where a run is, and what it has found."""

from dataclasses import dataclass, field


@dataclass
class Progress:
    """Where a run is and what it has found; all of it goes into JSON.

    Attributes:
        stage, step: index of the stage, and how many of its steps are done.
        global_step: steps done in all stages.
        history: losses of every step.
        validations: ZSTE on validation clips, with `stage` and `step`.
        figures: stage -> its figures, of finished stages.
        zste: ZSTE of the base and after each finished stage.
        kept: the same of accuracy on the single sounds of `--keep_source`.
        time_s, waited_s, n_pairs: of the steps of the stage so far, without validation and checkpoints.
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

    def begin(self, stage: str) -> None:
        self.step, self.n_pairs, self.time_s, self.waited_s = 0, 0, 0.0, 0.0
        self.figures[stage] = {}

    def add_step(self, stage: str, losses: dict[str, float], n_pairs: int, waited_s: float, time_s: float) -> None:
        """One more step is done, in `time_s`, of which `waited_s` for its batch."""
        self.step += 1
        self.global_step += 1
        self.n_pairs += n_pairs
        self.waited_s += waited_s
        self.time_s += time_s
        self.history.append({"stage": stage, "step": self.step, "losses": losses})

    def speed(self) -> dict[str, float]:
        """Pairs per second, and the share of the time that was spent waiting for data."""
        return {"pairs_per_s": self.n_pairs / self.time_s, "wait_share": self.waited_s / self.time_s}

    def end(self, stage: str) -> dict[str, float]:
        """The figures of the stage: its speed, and its losses over the last tenth of its steps."""
        losses = [item["losses"] for item in self.history if item["stage"] == stage]
        last = losses[-max(1, len(losses) // 10) :]
        means = {name: sum(item[name] for item in last) / len(last) for name in last[0]}
        self.figures[stage] |= {**means, **self.speed(), "time_s": self.time_s}
        return self.figures[stage]
