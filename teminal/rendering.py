"""Render compositions to waveforms.

Variants of a group differ only in the relation of their events: duration, RMS, peak, share of silence and level over
time are equal. They repeat, join or add the same event loops, and get the same edges, level and peak.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from teminal.event_loops import (
    CROSSFADE_S,
    EVENT_S,
    EVENT_SAMPLES,
    PEAK,
    RMS,
    SAMPLING_RATE,
    limit_crest,
    limiting_gain,
    rise_equal_power,
)
from teminal.scenes import TEN_SECONDS, VARIANTS, Composition, Layout, in_groups

EDGE_S = 0.01
OVERLAY_SNR_DB = (-3.0, 3.0)
SCENE_SAMPLES = 2 * EVENT_SAMPLES  # of the default layout
_FADE = int(CROSSFADE_S * SAMPLING_RATE)
_FP32 = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)  # a lookup table is faster than `astype`

Sounds = np.ndarray | Mapping[int, np.ndarray]  # clip -> (samples,) fp16


def render(compositions: Iterable[Composition], loops: Sounds, raw: Sounds) -> Iterator[np.ndarray]:
    """Yield the waveform of each composition; adjacent variants of a group are rendered together.

    Args:
        loops: event loops of a [`teminal.clips.ClipBank`].
        raw: clips as recorded, of the same bank.

    Yields:
        (samples,) fp32 at 48 kHz: the length of `raw` for "clip", SCENE_SAMPLES for "onset", else of the layout.
    """
    for group in in_groups(compositions):
        first = group[0]
        sounds = [_FP32.take(sound.view(np.uint16)) for sound in read_sounds(first, loops, raw)]
        loops_of_group, backgrounds = sounds[: len(first.clips)], sounds[len(first.clips) :]
        background = backgrounds[0] if backgrounds else None
        if first.variant in VARIANTS:
            waveforms = render_group(
                *loops_of_group,
                snr_db=first.snr_db,
                layout=first.layout,
                background=background,
                background_db=first.background_db,
                orders={composition.order for composition in group if composition.order},
            )
            yield from (waveforms[composition.order or composition.variant] for composition in group)
        else:
            (clip,) = loops_of_group
            if background is not None:
                gain = np.linalg.norm(clip) / np.linalg.norm(background) * 10 ** (-first.background_db / 20)
                clip = clip + background * np.float32(gain)
            yield in_silence(clip, first.onset_s) if first.variant == "onset" else clip


def read_sounds(composition: Composition, loops: Sounds, raw: Sounds) -> list[np.ndarray]:
    """Read (samples,) fp16 of each clip and of the background, rotated to start at its offset."""
    bank = loops if composition.variant in VARIANTS else raw
    offsets = composition.offsets or (0,) * len(composition.all_clips)
    return [np.roll(bank[clip], -offset) for clip, offset in zip(composition.all_clips, offsets, strict=True)]


def in_silence(clip: np.ndarray, onset_s: float) -> np.ndarray:
    """Place (EVENT_SAMPLES,) at `onset_s` (0 to EVENT_S) in SCENE_SAMPLES of silence."""
    onset = int(onset_s / EVENT_S * EVENT_SAMPLES)
    return np.pad(clip, (onset, EVENT_SAMPLES - onset))


def _ramp() -> np.ndarray:
    """Compute a linear fade-in of `EDGE_S`."""
    return np.linspace(0, 1, int(EDGE_S * SAMPLING_RATE)).astype(np.float32)


def render_group(
    *loops: np.ndarray,
    snr_db: float,
    layout: Layout = TEN_SECONDS,
    background: np.ndarray | None = None,
    background_db: float = 0.0,
    orders: Iterable[tuple[int, ...]] = (),
) -> dict[str | tuple[int, ...], np.ndarray]:
    """Render all variants of a composition group of two to four events.

    The level where events sound is the same in all variants: where two slots overlap, "single" and "overlay" are
    louder by as much as two events are in the others. A background is equally loud in all.

    Args:
        loops: (EVENT_SAMPLES,) fp32 each.
        snr_db: level of the first over the last event in the overlay; the others lie between.
        background: loop (EVENT_SAMPLES,) fp32 under the whole scene.
        background_db: level of the events over the background.
        orders: which event each slot holds, for sequences beside "forward" and "reversed".

    Returns:
        Variant or order -> (samples,) fp32: the first event in every slot; all in order; all in reverse; all in every
        slot; the given orders. The RMS of the slots is 0.1. All are clipped to the lowest peak of "forward",
        "reversed" and "overlay" (the peak of the others may be lower still).
    """
    slots, n_samples = slot_samples(layout, len(loops))
    overlay = np.zeros(EVENT_SAMPLES, np.float32)
    for loop, gain in zip(loops, overlay_gains(snr_db, len(loops)), strict=True):
        overlay += loop * gain
    scenes: dict[str | tuple[int, ...], np.ndarray] = {
        "single": fill_slots(loops[0], slots, n_samples),
        "forward": sequence(loops, slots, n_samples),
        "reversed": sequence(loops[::-1], slots, n_samples),
        "overlay": fill_slots(overlay, slots, n_samples),
    }
    scenes |= {order: sequence([loops[event] for event in order], slots, n_samples) for order in orders}
    for scene in scenes.values():
        fade_edges(scene, slots)
    n_loud = float(sum(end - start for start, end in slots))  # samples at RMS 0.1 that have the power of the scene
    if background is not None:
        under = loop_part(background, 0, n_samples) * np.float32(10 ** (-background_db / 20))
        for scene in scenes.values():
            precise = scene.astype(np.float64)
            scene *= np.float32((n_loud * RMS**2 / (precise @ precise)) ** 0.5)
            scene += under
        n_loud += n_samples * 10 ** (-background_db / 10)
    audible = [scenes[variant] for variant in VARIANTS[1:]]
    lowest_peak = min(PEAK, *(limiting_gain(scene, PEAK, n_loud) * np.abs(scene).max() for scene in audible))
    return {name: limit_crest(scene, lowest_peak, n_loud) for name, scene in scenes.items()}


def overlay_gains(snr_db: float, n_events: int) -> np.ndarray:
    """Compute the gain of each event in an overlay, (events,) fp32: the first is `snr_db` louder than the last."""
    levels_db = np.linspace(snr_db / 2, -snr_db / 2, n_events)
    return np.array([10 ** (level_db / 20) for level_db in levels_db], np.float32)


def slot_samples(layout: Layout, n_events: int) -> tuple[list[tuple[int, int]], int]:
    """Compute (start, end) of each slot, and the length of the scene, in samples."""
    n_samples = round(layout.duration_s * SAMPLING_RATE)
    if not layout.slots:
        joints = [number * n_samples // n_events for number in range(n_events + 1)]
        return list(itertools.pairwise(joints)), n_samples
    slots: list[tuple[int, int]] = []
    for onset_s, duration_s in layout.place(n_events):
        start, end = round(onset_s * SAMPLING_RATE), round((onset_s + duration_s) * SAMPLING_RATE)
        if slots and slots[-1][1] == start + 1:  # they touch, but for the rounding of seconds
            start += 1
        slots.append((start, min(end, n_samples)))
    return slots, n_samples


def loop_part(loop: np.ndarray, start: int, n_samples: int) -> np.ndarray:
    """Read (n_samples,) of an endless repetition of a loop; a view, if the loop is not repeated."""
    start %= len(loop)
    end = start + n_samples
    return loop[start:end] if end <= len(loop) else np.resize(loop, end)[start:]


def sequence(loops: Sequence[np.ndarray], slots: list[tuple[int, int]], n_samples: int) -> np.ndarray:
    """Place a loop in each slot, (n_samples,), with equal-power cross-fades where slots touch."""
    scene = np.zeros(n_samples, np.float32)
    cross, ramp = rise_equal_power(_FADE), _ramp()
    last_start, last_end = slots[0][0], 0
    for number, (loop, (start, end)) in enumerate(zip(loops, slots, strict=True)):
        overlap = scene[start:last_end].copy()
        part = scene[start:end]
        part[:] = loop_part(loop, 0, end - start)
        if number and start == last_end:
            part[:_FADE] *= cross
            part[:_FADE] += loop_part(loops[number - 1], start - last_start, _FADE) * cross[::-1]
        elif start < last_end:
            part[: len(ramp)] *= ramp
            part[: len(overlap)] += overlap
        if number + 1 < len(slots) and slots[number + 1][0] < end:
            part[-len(ramp) :] *= ramp[::-1]
        last_start, last_end = start, end
    return scene


def fill_slots(loop: np.ndarray, slots: list[tuple[int, int]], n_samples: int) -> np.ndarray:
    """Play a loop in all slots, (n_samples,), and where two overlap with the power of two events."""
    scene = np.resize(loop, n_samples)
    ramp = _ramp()
    for (_, end), (start, _) in itertools.pairwise(slots):
        if start < end:
            power = np.full(end - start, 2, np.float32)
            power[: len(ramp)] = 1 + ramp**2
            power[-len(ramp) :] = 1 + ramp[::-1] ** 2
            scene[start:end] *= np.sqrt(power)
        else:
            scene[end:start] = 0
    scene[: slots[0][0]] = 0
    scene[slots[-1][1] :] = 0
    return scene


def fade_edges(scene: np.ndarray, slots: list[tuple[int, int]]) -> None:
    """Fade (samples,) in and out, in place, where silence begins and ends."""
    ramp = _ramp()
    for number, (start, end) in enumerate(slots):
        if number == 0 or slots[number - 1][1] < start:
            scene[start : start + len(ramp)] *= ramp
        if number + 1 == len(slots) or slots[number + 1][0] > end:
            scene[end - len(ramp) : end] *= ramp[::-1]


def event_times(variant: str, n_events: int, layout: Layout) -> list[tuple[float, float]]:
    """Compute (onset_s, duration_s) of each event of a variant, in order of onset.

    In "single" and "overlay" every event sounds in all slots, from the start of the first to the end of the last.
    """
    slots = layout.place(n_events)
    if variant in ("single", "overlay"):
        start_s, (last_s, duration_s) = slots[0][0], slots[-1]
        return [(start_s, last_s + duration_s - start_s)] * (1 if variant == "single" else n_events)
    return slots
