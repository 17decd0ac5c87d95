"""Features that tell the relation are found, whatever the layout, in groups of which one thing is wrong."""

from itertools import pairwise

import numpy as np
import pytest

from teminal.dataset.rows import FRAME_S, group_rows, shallow_features
from teminal.dataset.tells import N_PARTS, power_over_time, relation_tells, unequal_variants
from teminal.rendering import RMS, SAMPLING_RATE, render, slot_samples
from teminal.sampling.groups import Mix, draw_group
from teminal.sampling.pools import make_pool

FREE = Mix(0.2, (-3, 3), (0.1, 0.5), four_event_share=0.2, free_layout_share=1.0, max_duration_s=4.0)


@pytest.fixture(scope="module")
def groups(bank):
    """Groups of free layouts: rows without features, slots in samples, and the waveforms of all variants."""
    pool = make_pool(bank.clips, range(len(bank.clips)), bank.classes, "test")
    drawn = [draw_group(pool, "x", 0, FREE, number) for number in range(120)]
    found = []
    for group in drawn:
        slots, _ = slot_samples(group.composition.layout, len(group.labels))
        rows = group_rows(group, bank.clips)
        found.append((rows, slots, list(render(group.compositions(), bank.loops, bank.raw))))
    return found


def tells(groups, sabotage=None):
    rows = []
    for of_group, slots, waveforms in groups:
        waveforms = [waveform.copy() for waveform in waveforms]
        if sabotage:
            sabotage(slots, *waveforms)
        for row, waveform in zip(of_group, waveforms, strict=True):
            rows.append({**row, **shallow_features(waveform, SAMPLING_RATE)})
    return list(unequal_variants(rows)), [line.split(" tell the relation")[0] for line in relation_tells(rows)]


def between(slots):
    """Yield (end of a slot, start of the next) in samples: a gap if they rise, an overlap if they fall."""
    yield from ((end, start) for (_, end), (start, _) in pairwise(slots))


def loud_overlaps(slots, single, forward, backward, overlay):
    level = np.sqrt(np.mean(overlay**2))
    for end, start in between(slots):
        overlay[start:end] *= 1.5
    overlay *= level / np.sqrt(np.mean(overlay**2))


def gaps_in_forward_alone(slots, single, forward, backward, overlay):
    rng = np.random.default_rng(0)
    for waveform in (backward, overlay):
        for end, start in between(slots):
            waveform[end:start] += 0.05 * RMS * rng.standard_normal(max(0, start - end)).astype(np.float32)


def louder_end_of_reversed(slots, single, forward, backward, overlay):
    level = np.sqrt(np.mean(backward**2))
    backward[slots[-1][0] :] *= 1.4
    backward *= level / np.sqrt(np.mean(backward**2))


def test_right_groups_have_no_tells(groups):
    assert tells(groups) == ([], [])


@pytest.mark.parametrize(
    ("sabotage", "expected"),
    [
        (loud_overlaps, "power in overlaps within groups"),
        (gaps_in_forward_alone, "power in gaps within groups"),
        (louder_end_of_reversed, "power over time within groups"),
    ],
)
def test_what_a_wrong_renderer_does_in_some_layouts_is_found(groups, sabotage, expected):
    unequal, found = tells(groups, sabotage)
    assert not unequal  # duration and level alone do not show it
    assert expected in found


def test_power_over_time_is_averaged_over_parts_gaps_and_overlaps():
    slots = [
        {"onset_s": 0.51, "duration_s": 1.0},
        {"onset_s": 1.33, "duration_s": 1.2},
        {"onset_s": 3.11, "duration_s": 0.8},
    ]
    powers = np.random.default_rng(0).uniform(size=200).astype(np.float32)
    expected = [[] for _ in range(N_PARTS + 2)]
    for frame, power in enumerate(powers):
        start_s, end_s = frame * FRAME_S, (frame + 1) * FRAME_S
        spans_s = [(slot["onset_s"], slot["onset_s"] + slot["duration_s"]) for slot in slots]
        expected[frame * N_PARTS // 200].append(power)
        if not any(max(start_s, onset_s) < min(end_s, until_s) for onset_s, until_s in spans_s):
            expected[N_PARTS].append(power)
        if sum(onset_s <= start_s and end_s <= until_s for onset_s, until_s in spans_s) == 2:
            expected[N_PARTS + 1].append(power)
    means = [np.mean(part) / powers.mean() for part in expected]
    means[N_PARTS] = 10 * np.log10(means[N_PARTS])
    np.testing.assert_allclose(power_over_time(powers, slots), means, rtol=1e-5)
    assert np.isnan(power_over_time(powers, [{"onset_s": 0.0, "duration_s": 4.0}])[N_PARTS:]).all()
