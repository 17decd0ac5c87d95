"""Rendering against a second renderer, written from the docstrings, in double precision and with a search of gains."""

import math

import numpy as np
import pytest

from teminal.event_loops import EVENT_SAMPLES, PEAK, RMS, SAMPLING_RATE
from teminal.rendering import render_group, slot_samples
from teminal.scenes import Layout

HALVES = Layout(3.0)
LAYOUTS = {
    "thirds": (3, Layout(3.0)),
    "touching": (2, Layout(3.0, ((0.0, 0.5), (0.5, 2.5)))),
    "gaps": (3, Layout(3.0, ((0.1, 0.5), (0.9, 0.6), (1.505, 1.4)))),
    "gap of a millisecond": (2, Layout(3.0, ((0.0, 1.0), (1.001, 1.0)))),
    "overlap": (2, Layout(3.3, ((0.0, 2.0), (1.5, 1.8)))),
    "all at once": (4, Layout(4.0, ((0.1, 0.6), (0.7, 1.2), (1.7, 0.7), (2.6, 0.8)))),
    "longer than a loop": (2, Layout(7.0, ((0.2, 5.5), (5.7, 1.0)))),
}


def reference_gain(number, slots):
    """How loud the event of a slot is at each sample from its start on, beyond its end where it touches the next."""
    start, end = slots[number]
    touches_previous = number > 0 and slots[number - 1][1] == start
    touches_next = number + 1 < len(slots) and slots[number + 1][0] == end
    gain = [1.0] * (end - start)
    if touches_next:
        for sample in range(2400):
            gain.append(math.cos(math.pi / 2 * sample / 2399))
    else:
        for sample in range(480):
            gain[-1 - sample] *= sample / 479
    if touches_previous:
        for sample in range(2400):
            gain[sample] *= math.sin(math.pi / 2 * sample / 2399)
    else:
        for sample in range(480):
            gain[sample] *= sample / 479
    return np.array(gain)


def reference_scene(loops, in_slots, slots, n_samples):
    """Events in their slots; `in_slots` None plays the sum of all loops through all slots, as loud as the events."""
    scene, power = np.zeros(n_samples + EVENT_SAMPLES), np.zeros(n_samples + EVENT_SAMPLES)
    for number, (start, _) in enumerate(slots):
        gain = reference_gain(number, slots)
        loop = loops[in_slots[number]] if in_slots else np.zeros(EVENT_SAMPLES)
        scene[start : start + len(gain)] += loop[np.arange(len(gain)) % EVENT_SAMPLES] * gain
        power[start : start + len(gain)] += gain**2
    if not in_slots:
        scene = sum(loops)[np.arange(len(scene)) % EVENT_SAMPLES] * np.sqrt(power)
    return scene[:n_samples]


def limited_to(scene, peak, power):
    """A scene that is scaled so that it has a power once clipped; the gain is searched by bisection."""
    low, high = 1e-3, 1e3
    for _ in range(100):
        gain = (low * high) ** 0.5
        if np.square(np.clip(gain * scene, -peak, peak)).sum() < power:
            low = gain
        else:
            high = gain
    return gain, np.clip(gain * scene, -peak, peak)


def reference_group(loops, snr_db, layout, background=None, background_db=0.0, orders=()):
    slots, n_samples = slot_samples(layout, len(loops))
    loops = [loop.astype(np.float64) for loop in loops]
    forward = tuple(range(len(loops)))
    mixed = []
    for event, loop in enumerate(loops):
        level_db = snr_db / 2 - event * snr_db / (len(loops) - 1)
        mixed.append(loop * 10 ** (level_db / 20))
    scenes = {
        "single": reference_scene(loops[:1], None, slots, n_samples),
        "forward": reference_scene(loops, forward, slots, n_samples),
        "reversed": reference_scene(loops, forward[::-1], slots, n_samples),
        "overlay": reference_scene(mixed, None, slots, n_samples),
    }
    for order in orders:
        scenes[order] = reference_scene(loops, order, slots, n_samples)
    power = 0.0
    for start, end in slots:
        power += (end - start) * RMS**2
    if background is not None:
        for name, scene in scenes.items():
            loud = scene * (power / np.square(scene).sum()) ** 0.5
            under = np.tile(background.astype(np.float64), 3)[:n_samples]
            scenes[name] = loud + under * 10 ** (-background_db / 20)
        power += n_samples * RMS**2 * 10 ** (-background_db / 10)
    peak = PEAK
    for name in ("forward", "reversed", "overlay"):
        gain, _ = limited_to(scenes[name], PEAK, power)
        peak = min(peak, gain * np.abs(scenes[name]).max())
    return {name: limited_to(scene, peak, power)[1] for name, scene in scenes.items()}


@pytest.fixture(scope="module")
def loops(bank):
    rng = np.random.default_rng(0)
    chosen = [bank.loops[bank.by_class[label][0]] for label in rng.permutation(bank.classes)[:5]]
    return [np.roll(loop, -int(rng.integers(EVENT_SAMPLES))).astype(np.float32) for loop in chosen]


def assert_equal_groups(found, expected):
    assert list(found) == list(expected)
    for name, scene in found.items():
        assert scene.dtype == np.float32
        np.testing.assert_allclose(scene, expected[name], atol=2e-6, err_msg=str(name))


@pytest.mark.parametrize("kind", LAYOUTS)
def test_rendering_is_that_of_the_reference(loops, kind):
    n_events, layout = LAYOUTS[kind]
    orders = [(*range(1, n_events), 0)]
    drawn = {"snr_db": 2.5, "layout": layout, "orders": orders}
    assert_equal_groups(render_group(*loops[:n_events], **drawn), reference_group(loops[:n_events], **drawn))


@pytest.mark.parametrize(("kind", "background_db"), [("thirds", 5.0), ("all at once", 20.0)])
def test_rendering_over_a_background_is_that_of_the_reference(loops, kind, background_db):
    n_events, layout = LAYOUTS[kind]
    drawn = {"snr_db": -3.0, "layout": layout, "background": loops[4], "background_db": background_db}
    assert_equal_groups(render_group(*loops[:n_events], **drawn), reference_group(loops[:n_events], **drawn))


def test_spikes_are_limited_as_in_the_reference(loops):
    spiky = [loop.copy() for loop in loops[:2]]
    spiky[0][::50_000] *= 40
    spiky[1][:48_000:7] *= 5
    found = render_group(*spiky, snr_db=1.0, layout=HALVES)
    assert_equal_groups(found, reference_group(spiky, 1.0, HALVES))
    assert np.abs(found["forward"]).max() == pytest.approx(PEAK)


@pytest.mark.parametrize(
    "layout",
    [
        Layout(4.0, ((0.3, 0.5001354166666667), (0.8001354166666667, 2.0))),  # the sum is a bit more than the onset
        Layout(3.5000104166666666, ((0.0, 0.6), (0.7, 2.800010416666667))),  # and than the duration of the scene
    ],
)
def test_half_a_sample_does_not_matter(loops, layout):
    slots, n_samples = slot_samples(layout, 2)
    assert slots[0][1] <= slots[1][0]
    assert slots[1][1] <= n_samples
    found = render_group(*loops[:2], snr_db=0.0, layout=layout)
    assert_equal_groups(found, reference_group(loops[:2], 0.0, layout))


@pytest.mark.parametrize("duration_s", [3.0, 7.5])
def test_seconds_become_samples(duration_s):
    layout = Layout(duration_s, ((0.25, 0.5), (1.0, 1.5)))
    assert slot_samples(layout, 2) == ([(12_000, 36_000), (48_000, 120_000)], round(duration_s * SAMPLING_RATE))
    parts, n_samples = slot_samples(Layout(duration_s), 3)
    assert parts == [(n * n_samples // 3, (n + 1) * n_samples // 3) for n in range(3)]
