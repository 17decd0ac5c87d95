"""Draw the scenes of robustness curves: the same sounds in layouts that differ in one property."""

import numpy as np

from teminal.sampling.zste import Heard, SceneGroup, take_quarter
from teminal.scenes import TEN_SECONDS, Layout

CURVE_EVENT_S = 2.0
GAPS_S = (0.0, 1.0, 2.0, 3.0, 4.0)  # between two events of 2 s, anywhere in 10 s
RATIOS = (1.0, 2.0, 3.0, 5.0, 9.0)  # of the longer event to the shorter, 10 s in all
DURATIONS_S = (3.0, 4.0, 6.0, 10.0, 20.0, 30.0, 60.0)  # of two halves in all
BACKGROUNDS_DB = (None, 20.0, 15.0, 10.0, 5.0, 0.0)  # level of halves of 10 s over a third sound; `None`: without it
# curve -> values of its property
CURVES: dict[str, tuple[float | None, ...]] = {
    "gap_s": GAPS_S,
    "duration_ratio": RATIOS,
    "duration_s": DURATIONS_S,
    "background_db": BACKGROUNDS_DB,
}


def name_point(curve: str, value: float | None) -> str:
    """Name a point of a curve, such as "gap_s 2.0"."""
    return f"{curve} {value}"


def draw_curve_scenes(groups: list[SceneGroup], seed: int) -> dict[str, list[Heard]]:
    """Draw the scenes of every point: the groups of task 6, in forward order.

    Scene i of every point has the sounds of group i and the same random choices: where in the scene the events lie if
    there is room, and which of them is the shorter.

    Returns:
        Name of each point -> its scenes.
    """
    rng = np.random.default_rng([seed, 23])
    scenes: dict[str, list[Heard]] = {name_point(curve, value): [] for curve in CURVES for value in CURVES[curve]}
    for group in take_quarter(groups):
        lead, first_is_shorter = float(rng.random()), bool(rng.random() < 0.5)
        for gap_s in GAPS_S:
            scenes[name_point("gap_s", gap_s)].append(group.laid_out(place_with_gap(gap_s, lead)))
        for ratio in RATIOS:
            layout = place_with_ratio(ratio, first_is_shorter)
            scenes[name_point("duration_ratio", ratio)].append(group.laid_out(layout))
        for duration_s in DURATIONS_S:
            scenes[name_point("duration_s", duration_s)].append(group.laid_out(Layout(duration_s)))
        for background_db in BACKGROUNDS_DB:
            scenes[name_point("background_db", background_db)].append(group.laid_out(background_db=background_db))
    return scenes


def place_with_gap(gap_s: float, lead: float) -> Layout:
    """Lay out two events of 2 s with a gap, after `lead` (0 to 1) of the time that is left of 10 s."""
    onset_s = round(lead * (TEN_SECONDS.duration_s - 2 * CURVE_EVENT_S - gap_s), 3)
    return Layout(slots=((onset_s, CURVE_EVENT_S), (round(onset_s + CURVE_EVENT_S + gap_s, 3), CURVE_EVENT_S)))


def place_with_ratio(ratio: float, first_is_shorter: bool) -> Layout:
    """Lay out two events that fill 10 s, one of them `ratio` times as long as the other."""
    if ratio == 1:
        return TEN_SECONDS
    shorter_s = round(TEN_SECONDS.duration_s / (1 + ratio), 3)
    longer_s = round(TEN_SECONDS.duration_s - shorter_s, 3)
    first_s, second_s = (shorter_s, longer_s) if first_is_shorter else (longer_s, shorter_s)
    return Layout(slots=((0.0, first_s), (first_s, second_s)))
