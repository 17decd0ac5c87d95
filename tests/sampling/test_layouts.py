"""Layouts are drawn as their definitions say."""

import numpy as np

from teminal.sampling.layouts import TASK6, draw_task6_layout
from teminal.scenes import Layout

FIXED = {"6C": Layout(10.0, ((0.0, 6.0), (4.0, 6.0))), "6D": Layout(10.0), "6E": Layout(4.0)}
FIXED |= {"6F": Layout(20.0), "6G": Layout(60.0)}


def test_layouts_of_task_6_are_those_of_its_definition():
    rng = np.random.default_rng(0)
    drawn = {task: [draw_task6_layout(task, rng) for _ in range(500)] for task in TASK6}
    assert {layout.slots for layout in drawn["6A"]} == {((0, 2), (2, 8)), ((0, 8), (8, 2))}
    gaps_s, leads_s = [], []
    for layout in drawn["6B"]:
        (onset_s, duration_s), (next_s, next_duration_s) = layout.slots
        assert layout.duration_s == 10
        assert 1 <= min(duration_s, next_duration_s) <= max(duration_s, next_duration_s) <= 2
        assert all(round(1000 * value_s, 6) % 1 == 0 for slot in layout.slots for value_s in slot)
        gaps_s.append(next_s - onset_s - duration_s)
        leads_s.append(onset_s)
    assert 1 <= round(min(gaps_s), 6) < 1.05
    assert 2.95 < round(max(gaps_s), 6) <= 3
    assert min(leads_s) < 0.1
    assert max(leads_s) > 6
    assert all(set(drawn[task]) == {layout} for task, layout in FIXED.items())
