"""Draw layouts: how long a scene is, and where its events lie in it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from teminal.scenes import MAX_SCENE_S, MIN_SCENE_S, MIN_SLOT_S, TEN_SECONDS, TOLERANCE_S, Layout

BACKGROUND_DB = (5.0, 20.0)  # level of the events over the background
BACKGROUND_SHARE = 0.25  # of scenes with a drawn layout
LONG_SHARE = 0.15  # of scenes of random length, if they may be longer than 10 s
MIN_GAP_S = 0.1
# Slots begin and end at whole 20 ms: within a fade, a sum of sounds is less often near silence than a single sound, so
# frames of that length would tell them apart if a fade began in the middle of one.
STEP_MS = 20
KINDS = ("touching", "gaps", "overlap")
# of ZSTE task 6, but those that are drawn
TASK6_LAYOUTS = {
    "6C": Layout(slots=((0.0, 6.0), (4.0, 6.0))),
    "6D": TEN_SECONDS,
    "6E": Layout(4.0),
    "6F": Layout(20.0),
    "6G": Layout(60.0),
}
TASK6 = ("6A", "6B", *TASK6_LAYOUTS)
TASK6_BACKGROUND_DB = 10.0  # of 6D


@dataclass(frozen=True)
class SceneMix:
    """Distribution of scenes.

    Attributes:
        max_events: two to four; half of the scenes have two events, the others three or up to four.
        free_layout_share: scenes with a drawn layout; the others last ten seconds in equal parts.
        max_duration_s: of drawn layouts, 3 to 60.
    """

    max_events: int = 2
    free_layout_share: float = 0.0
    max_duration_s: float = TEN_SECONDS.duration_s

    def draw_n_events(self, rng: np.random.Generator) -> int:
        """Draw how many events a scene has."""
        if self.max_events == 2 or rng.random() < 0.5:
            return 2
        return int(rng.integers(3, self.max_events + 1))

    def draw_layout(self, rng: np.random.Generator, n_events: int) -> tuple[Layout, float | None]:
        """Draw a layout, and the level of the events over a background, dB, or `None` for no background."""
        if not self.free_layout_share or rng.random() >= self.free_layout_share:
            return TEN_SECONDS, None
        return draw_free_layout(rng, n_events, self.max_duration_s)


def draw_free_layout(rng: np.random.Generator, n_events: int, max_duration_s: float) -> tuple[Layout, float | None]:
    """Draw a layout, see [`draw_layout`], and the level of the events over a background, dB, or `None` for none."""
    layout = draw_layout(rng, n_events, max_duration_s)
    return layout, float(rng.uniform(*BACKGROUND_DB)) if rng.random() < BACKGROUND_SHARE else None


def draw_layout(rng: np.random.Generator, n_events: int, max_duration_s: float = TEN_SECONDS.duration_s) -> Layout:
    """Draw a layout of random length, with slots of random lengths that touch, have gaps or overlap.

    Args:
        n_events: two to four.
        max_duration_s: of the scene, 3 to 60. Of three scenes up to 10 s one lasts 10 s; if more is allowed, few do.
    """
    duration_s = _draw_duration(rng, max_duration_s)
    kind = KINDS[rng.integers(len(KINDS))]
    shortest_s = max(MIN_SLOT_S, duration_s / 10) + 2 * STEP_MS / 1000
    share = rng.uniform(1.1 * n_events * shortest_s / duration_s, 0.9) if kind == "gaps" else 1.0
    lengths_s = shortest_s + (share * duration_s - n_events * shortest_s) * rng.dirichlet(np.ones(n_events))
    gaps_s = np.zeros(n_events + 1)  # before the first event, between events, after the last
    if kind == "gaps":
        least_s = min(MIN_GAP_S, (1 - share) * duration_s / (n_events + 1))
        gaps_s[1:-1] = least_s
        gaps_s += ((1 - share) * duration_s - gaps_s.sum()) * rng.dirichlet(np.ones(n_events + 1))
    onsets_s = np.cumsum(gaps_s[:-1] + np.concatenate([[0], lengths_s[:-1]]))
    ends_s = onsets_s + lengths_s
    if kind == "overlap":
        ends_s[:-1] += rng.uniform(0.15, 0.3) * np.minimum(lengths_s[:-1], lengths_s[1:])
    onsets_ms, ends_ms = _to_steps(onsets_s, ends_s)
    if kind == "touching":
        ends_ms[:-1] = onsets_ms[1:]
    if kind != "gaps":
        ends_ms[-1] = round(1000 * duration_s)
    return Layout(duration_s, _slots(onsets_ms, ends_ms))


def _draw_duration(rng: np.random.Generator, max_duration_s: float) -> float:
    """Draw the length of a scene, in whole steps."""
    usual_s = _whole_steps(min(max_duration_s, TEN_SECONDS.duration_s))
    if rng.random() < 1 / 3:
        return usual_s
    shortest_s, longest_s = MIN_SCENE_S, usual_s
    if max_duration_s > usual_s and rng.random() < LONG_SHARE:
        shortest_s, longest_s = usual_s, min(max_duration_s, MAX_SCENE_S)
    return max(MIN_SCENE_S, _whole_steps(float(np.exp(rng.uniform(np.log(shortest_s), np.log(longest_s))))))


def _to_steps(onsets_s: np.ndarray, ends_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move (events,) onsets up and ends down to whole steps, ms."""
    onsets_ms = STEP_MS * np.ceil(_count_steps(onsets_s)).astype(int)
    ends_ms = STEP_MS * np.floor(_count_steps(ends_s)).astype(int)
    return onsets_ms, ends_ms


def _slots(onsets_ms: np.ndarray, ends_ms: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Convert (events,) onsets and ends to slots, onset and duration in seconds."""
    edges = zip(onsets_ms.tolist(), ends_ms.tolist(), strict=True)
    return tuple((onset_ms / 1000, (end_ms - onset_ms) / 1000) for onset_ms, end_ms in edges)


def _whole_steps(duration_s: float) -> float:
    """Round down to whole steps, seconds."""
    return float(np.floor(_count_steps(duration_s))) * STEP_MS / 1000


def _count_steps(time_s: np.ndarray | float) -> np.ndarray | float:
    """Convert seconds to steps, rounded so that whole steps are whole numbers."""
    return np.round(1000 * time_s / STEP_MS, 9)


def layout_kind(layout: Layout) -> str:
    """Tell how the events follow each other: in "equal parts", see [`equal_parts`], or else as one of `KINDS`."""
    if not layout.slots:
        return "equal parts"
    between_s = [next_s - onset_s - duration_s for (onset_s, duration_s), (next_s, _) in pairwise(layout.slots)]
    if any(gap_s < -TOLERANCE_S for gap_s in between_s):
        return "overlap"
    onsets_s, durations_s = np.array(layout.slots).T
    expected_s = _equal_edges(layout.duration_s, len(layout.slots), float(np.mean(between_s)))
    has_gaps = any(gap_s > TOLERANCE_S for gap_s in between_s)
    tolerance_s = 2 * STEP_MS / 1000 if has_gaps else TOLERANCE_S  # with gaps they are rounded to whole steps
    if np.allclose([onsets_s, onsets_s + durations_s], expected_s, rtol=0, atol=tolerance_s):
        return "equal parts"
    return "gaps" if has_gaps else "touching"


def equal_parts(n_events: int, gap_s: float) -> Layout:
    """Lay out events of equal length, `gap_s` apart, in ten seconds; both are rounded to whole steps."""
    if gap_s == 0:
        return TEN_SECONDS
    onsets_s, ends_s = _equal_edges(TEN_SECONDS.duration_s, n_events, gap_s)
    onsets_ms, ends_ms = _to_steps(onsets_s, ends_s)
    return Layout(slots=_slots(onsets_ms, ends_ms))


def _equal_edges(duration_s: float, n_events: int, gap_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute (events,) onsets and ends of equal parts, seconds."""
    length_s = (duration_s - (n_events - 1) * gap_s) / n_events
    onsets_s = np.arange(n_events) * (length_s + gap_s)
    return onsets_s, onsets_s + length_s


def draw_task6_layout(task: str, rng: np.random.Generator) -> Layout:
    """Draw the layout of a scene of two events in a sub-task of ZSTE task 6.

    The scenes of 6D have a background besides, `TASK6_BACKGROUND_DB` down.
    """
    if task == "6A":
        first_s = float(rng.choice([2.0, 8.0]))
        return Layout(slots=((0.0, first_s), (first_s, 10.0 - first_s)))
    if task == "6B":
        first_ms, second_ms = (STEP_MS * rng.integers(1000 // STEP_MS, 2000 // STEP_MS + 1, 2)).tolist()
        gap_ms = STEP_MS * int(rng.integers(1000 // STEP_MS, 3000 // STEP_MS + 1))
        onset_ms = STEP_MS * int(rng.integers((10_000 - first_ms - gap_ms - second_ms) // STEP_MS + 1))
        next_ms = onset_ms + first_ms + gap_ms
        return Layout(slots=((onset_ms / 1000, first_ms / 1000), (next_ms / 1000, second_ms / 1000)))
    return TASK6_LAYOUTS[task]
