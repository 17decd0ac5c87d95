"""Layouts are drawn as their definitions say."""

import itertools
from collections import Counter

import numpy as np
import pytest

from teminal.sampling.layouts import KINDS, TASK6, draw_layout, draw_task6_layout, equal_parts, layout_kind
from teminal.scenes import TEN_SECONDS, Layout

N_DRAWS = 2000
FIXED = {"6C": Layout(10.0, ((0.0, 6.0), (4.0, 6.0))), "6D": Layout(10.0), "6E": Layout(4.0)}
FIXED |= {"6F": Layout(20.0), "6G": Layout(60.0)}


def overlaps_s(layout):
    """Seconds by which each slot reaches into the next; negative for a gap."""
    found = []
    for (onset_s, duration_s), (next_s, _) in itertools.pairwise(layout.slots):
        found.append(round(onset_s + duration_s - next_s, 6))
    return found


def kind_of(layout):
    overlaps = overlaps_s(layout)
    if all(overlap == 0 for overlap in overlaps):
        return "touching"
    if all(overlap > 0 for overlap in overlaps):
        return "overlap"
    assert all(overlap < 0 for overlap in overlaps)
    return "gaps"


@pytest.fixture(scope="module", params=[(n, max_s) for n in (2, 3, 4) for max_s in (10.0, 60.0)], ids=str)
def drawn(request):
    n_events, max_duration_s = request.param
    rng = np.random.default_rng(0)
    return n_events, max_duration_s, [draw_layout(rng, n_events, max_duration_s) for _ in range(N_DRAWS)]


def test_slots_have_the_lengths_gaps_and_overlaps_of_the_design(drawn):
    n_events, max_duration_s, layouts = drawn
    for layout in layouts:
        lengths_s = [duration_s for _, duration_s in layout.slots]
        assert 3 <= layout.duration_s <= max_duration_s
        assert len(lengths_s) == n_events
        assert min(lengths_s) >= max(0.5, layout.duration_s / 10) - 1e-9
        assert layout.slots[0][0] >= 0
        assert sum(layout.slots[-1]) <= layout.duration_s + 1e-9
        for time_s in (layout.duration_s, *itertools.chain.from_iterable(layout.slots)):
            assert round(50 * time_s) == pytest.approx(50 * time_s, abs=1e-6)
        if kind_of(layout) != "gaps":
            assert layout.slots[0][0] == 0
            assert sum(layout.slots[-1]) == pytest.approx(layout.duration_s, abs=1e-9)
        for number, overlap_s in enumerate(overlaps_s(layout)):
            assert overlap_s <= min(lengths_s[number : number + 2]) / 3
            assert overlap_s == 0 or abs(overlap_s) > 0.02


def test_kinds_and_durations_are_spread(drawn):
    _, max_duration_s, layouts = drawn
    deviation = (N_DRAWS * 1 / 3 * 2 / 3) ** 0.5
    kinds = Counter("touching" if layout_kind(of) == "equal parts" else layout_kind(of) for of in layouts)
    assert kinds == Counter(map(kind_of, layouts))
    assert set(kinds) == set(KINDS)
    assert all(abs(count - N_DRAWS / 3) <= 3 * deviation for count in kinds.values())
    durations_s = np.array([layout.duration_s for layout in layouts])
    assert abs((durations_s == 10).sum() - N_DRAWS / 3) <= 3 * deviation
    assert (durations_s < 4).mean() > 0.1
    assert (durations_s > 10).mean() == pytest.approx(0.1 if max_duration_s == 60 else 0.0, abs=0.025)
    assert durations_s.max() > 0.9 * max_duration_s
    shares = np.array([[duration_s for _, duration_s in layout.slots] for layout in layouts]) / durations_s[:, None]
    assert shares.mean(0) == pytest.approx(shares.mean(), abs=0.03)  # no slot is longer than the others on average
    assert shares.min() < 0.17
    assert shares.max() > 0.5


def test_silence_may_lie_before_between_and_after_events():
    rng = np.random.default_rng(0)
    layouts = [layout for layout in (draw_layout(rng, 2) for _ in range(N_DRAWS)) if kind_of(layout) == "gaps"]
    first_s, second_s = np.array([layout.slots for layout in layouts]).transpose(1, 2, 0)
    between_s = second_s[0] - first_s.sum(0)
    after_s = np.array([layout.duration_s for layout in layouts]) - second_s.sum(0)
    for silence_s in (first_s[0], between_s, after_s):
        assert np.quantile(silence_s, 0.9) > 1
        assert silence_s.mean() == pytest.approx(between_s.mean(), rel=0.2)


def test_a_seed_gives_the_same_layouts():
    first, second, other = (draw_many(seed) for seed in (3, 3, 4))
    assert first == second
    assert not set(first) & set(other)


def draw_many(seed):
    rng = np.random.default_rng(seed)
    return [draw_layout(rng, 2 + number % 3, 60.0) for number in range(20)]


@pytest.mark.parametrize("max_duration_s", [3.0, 5.0, 3.1416, 6.6667, 8.2, 9.9999])
def test_short_scenes_stay_short(max_duration_s):
    rng = np.random.default_rng(0)
    for number in range(300):
        assert 3 <= draw_layout(rng, 2 + number % 3, max_duration_s).duration_s <= max_duration_s


def test_equal_parts():
    assert equal_parts(3, 0.0) == TEN_SECONDS
    layout = equal_parts(4, 0.4)
    assert overlaps_s(layout) == [-0.4] * 3
    assert {round(duration_s, 9) for _, duration_s in layout.slots} == {2.2}
    assert sum(layout.slots[-1]) == pytest.approx(10)


@pytest.mark.parametrize("n_events", [2, 3, 4])
def test_equal_parts_begin_and_end_at_whole_steps(n_events):
    for gap_s in np.linspace(0.02, 0.5, 50):
        layout = equal_parts(n_events, gap_s)
        edges_ms = [1000 * edge for onset_s, duration_s in layout.slots for edge in (onset_s, onset_s + duration_s)]
        np.testing.assert_allclose(np.array(edges_ms) / 20, np.round(np.array(edges_ms) / 20), atol=1e-6)
        assert all(gap_s - 1e-6 <= -overlap_s < gap_s + 0.04 for overlap_s in overlaps_s(layout))
        assert layout_kind(layout) == "equal parts"


def test_layouts_of_task_6_are_those_of_its_definition():
    rng = np.random.default_rng(0)
    drawn = {task: [draw_task6_layout(task, rng) for _ in range(500)] for task in TASK6}
    assert {layout.slots for layout in drawn["6A"]} == {((0, 2), (2, 8)), ((0, 8), (8, 2))}
    gaps_s, leads_s = [], []
    for layout in drawn["6B"]:
        (onset_s, duration_s), (next_s, next_duration_s) = layout.slots
        assert layout.duration_s == 10
        assert 1 <= min(duration_s, next_duration_s) <= max(duration_s, next_duration_s) <= 2
        assert all(round(50 * value_s, 6) % 1 == 0 for slot in layout.slots for value_s in slot)
        gaps_s.append(next_s - onset_s - duration_s)
        leads_s.append(onset_s)
    assert 1 <= round(min(gaps_s), 6) < 1.05
    assert 2.95 < round(max(gaps_s), 6) <= 3
    assert min(leads_s) < 0.1
    assert max(leads_s) > 6
    assert all(set(drawn[task]) == {layout} for task, layout in FIXED.items())
