"""Render compositions to waveforms.

Variants of a group differ only in the relation of their events: duration, RMS, peak and share of silence are equal.
Each event is first turned into a seamless loop of fixed length and level without silence (`event_loop`); the variants
repeat, join or add these loops, and get the same edges, level and peak (`render_group`).
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from teminal.scenes import VARIANTS, Composition, in_groups

SAMPLING_RATE = 48_000
EVENT_S = 5.0
CROSSFADE_S = 0.05
EDGE_S = 0.01
RMS = 0.1
CREST_DB = 12.0
PEAK = RMS * 10 ** (CREST_DB / 20)
GATE_DB = -25.0
OVERLAY_SNR_DB = (-3.0, 3.0)

SCENE_S = 2 * EVENT_S
EVENT_SAMPLES = int(EVENT_S * SAMPLING_RATE)
SCENE_SAMPLES = 2 * EVENT_SAMPLES
_FADE = int(CROSSFADE_S * SAMPLING_RATE)
_FRAME = SAMPLING_RATE // 200
_FP32 = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32)  # a lookup table is faster than `astype`

Sounds = np.ndarray | Mapping[int, np.ndarray]  # clip -> (samples,) fp16


def render(compositions: Iterable[Composition], loops: Sounds, raw: Sounds) -> Iterator[np.ndarray]:
    """Yield the waveform of each composition; adjacent variants of a group are rendered together.

    Args:
        loops: event loops of a [`teminal.clips.ClipBank`].
        raw: clips as recorded, of the same bank.

    Yields:
        (samples,) fp32 at 48 kHz: the length of `raw` for "clip", else SCENE_SAMPLES.
    """
    for group in in_groups(compositions):
        first = group[0]
        sounds = [_FP32.take(sound.view(np.uint16)) for sound in read_sounds(first, loops, raw)]
        if first.variant in VARIANTS:
            waveforms = render_group(*sounds, snr_db=first.snr_db, gap_s=first.gap_s)
            yield from (waveforms[composition.variant] for composition in group)
        else:
            clip, *background = sounds
            if background:
                gain = np.linalg.norm(clip) / np.linalg.norm(background[0]) * 10 ** (-first.snr_db / 20)
                clip = clip + background[0] * np.float32(gain)
            yield in_silence(clip, first.onset_s) if first.variant == "onset" else clip


def read_sounds(composition: Composition, loops: Sounds, raw: Sounds) -> list[np.ndarray]:
    """Read (samples,) fp16 of each clip, rotated to start at its offset."""
    bank = loops if composition.variant in VARIANTS else raw
    offsets = composition.offsets or (0,) * len(composition.clips)
    return [np.roll(bank[clip], -offset) for clip, offset in zip(composition.clips, offsets, strict=True)]


def in_silence(clip: np.ndarray, onset_s: float) -> np.ndarray:
    """Place (EVENT_SAMPLES,) at `onset_s` (0 to EVENT_S) in SCENE_SAMPLES of silence."""
    onset = int(onset_s / EVENT_S * EVENT_SAMPLES)
    return np.pad(clip, (onset, EVENT_SAMPLES - onset))


def _rise(n_samples: int) -> np.ndarray:
    """Compute an equal-power fade-in; in double precision, so that it is the same on every CPU."""
    return np.sin(np.linspace(0, np.pi / 2, n_samples)).astype(np.float32)


def event_loop(waveform: np.ndarray) -> np.ndarray:
    """Turn a clip into an event: a seamless loop of `EVENT_S`, RMS 0.1, crest factor at most 12 dB.

    Frames of 5 ms that are more than 25 dB below the level of the event are cut (at its edges and inside). The rest is
    repeated with equal-power cross-fades, also between end and start, so that the loop may start anywhere.

    Args:
        waveform: (samples,) mono at 48 kHz, not silent.

    Returns:
        (EVENT_SAMPLES,) fp32.
    """
    frames = np.pad(waveform, (0, -len(waveform) % _FRAME)).reshape(-1, _FRAME)
    power = np.square(frames, dtype=np.float64).mean(1)
    loud = power > power.max() * 1e-6
    for _ in range(3):
        loud = power > power[loud].mean() * 10 ** (GATE_DB / 10)
    sound = frames[loud].reshape(-1).astype(np.float32)

    fade = min(_FADE, len(sound) // 2)
    rise = _rise(fade)
    body = sound[: EVENT_SAMPLES + fade].copy()
    body[:fade] = body[:fade] * rise + body[-fade:] * rise[::-1]
    body = body[:-fade]
    loop = np.tile(body, -(-EVENT_SAMPLES // len(body)))[:EVENT_SAMPLES]
    if EVENT_SAMPLES % len(body):
        rise = _rise(_FADE)
        beyond = np.tile(body, -(-(EVENT_SAMPLES + _FADE) // len(body)))[EVENT_SAMPLES : EVENT_SAMPLES + _FADE]
        loop[:_FADE] = loop[:_FADE] * rise + beyond * rise[::-1]
    return limit_crest(loop, PEAK)


def limit_crest(waveform: np.ndarray, peak: float) -> np.ndarray:
    """Scale (samples,) to RMS 0.1 and clip it to `peak`, in place; RMS is 0.1 after clipping."""
    waveform *= np.float32(limiting_gain(waveform, peak))
    return np.clip(waveform, -peak, peak, out=waveform)


def limiting_gain(waveform: np.ndarray, peak: float) -> float:
    """Compute the gain after which (samples,) fp32, then clipped to `peak`, has RMS 0.1.

    With the n loudest samples clipped it is the root of (N RMS^2 - n peak^2) / (power of the others); n follows from
    the gain and the gain from n until both agree. In double precision, so that it is the same on every CPU.
    """
    precise = waveform.astype(np.float64)
    power, target = float(precise @ precise), len(waveform) * RMS**2
    unclipped = gain = (target / power) ** 0.5
    magnitudes = np.abs(waveform)
    for headroom in (1.25, 4.0, np.inf):  # above the first gain; sorting few samples is enough for most
        loud = -np.sort(-magnitudes[magnitudes > peak / unclipped / headroom].astype(np.float64))
        power_of_loud = np.concatenate([[0.0], np.cumsum(loud**2)])
        for _ in range(100):
            n_clipped = np.searchsorted(-loud, -peak / gain)
            left, power_left = target - n_clipped * peak**2, power - power_of_loud[n_clipped]
            if left <= 0 or power_left <= 0 or gain == (left / power_left) ** 0.5:
                break
            gain = (left / power_left) ** 0.5
        if gain <= headroom * unclipped:
            break
    return gain


def sequence(*loops: np.ndarray) -> np.ndarray:
    """Join loops (EVENT_SAMPLES,) to (SCENE_SAMPLES,) in equal parts, with equal-power cross-fades."""
    size = SCENE_SAMPLES // len(loops)
    scene = np.concatenate([loop[:size] for loop in loops])
    rise = _rise(_FADE)
    for i, previous in enumerate(loops[:-1], start=1):
        joint = scene[i * size : i * size + _FADE]
        joint *= rise
        joint += previous[size % EVENT_SAMPLES :][:_FADE] * rise[::-1]
    return scene


def render_group(*loops: np.ndarray, snr_db: float, gap_s: float = 0.0) -> dict[str, np.ndarray]:
    """Render all variants of a composition group of two or three events.

    Args:
        loops: (EVENT_SAMPLES,) fp32 each.
        snr_db: level of the first over the last event in the overlay; a third lies between.
        gap_s: silence at each joint, the same in all variants; 0 means cross-fades.

    Returns:
        Variant -> (SCENE_SAMPLES,) fp32: the first event throughout; all in order; all in reverse; all throughout.
        All are clipped to the lowest peak of the last three (the peak of "single" may be lower still).
    """
    levels_db = np.linspace(snr_db / 2, -snr_db / 2, len(loops))
    overlay = sum(loop * np.float32(10 ** (level_db / 20)) for loop, level_db in zip(loops, levels_db, strict=True))
    scenes = [np.tile(loops[0], 2), sequence(*loops), sequence(*loops[::-1]), np.tile(overlay, 2)]
    rise = np.linspace(0, 1, int(EDGE_S * SAMPLING_RATE)).astype(np.float32)
    starts, ends = sounding_parts(len(loops), gap_s)
    for scene in scenes:
        for start, end in zip(starts, ends, strict=True):
            scene[start : start + len(rise)] *= rise
            scene[end - len(rise) : end] *= rise[::-1]
        for end, start in zip(ends[:-1], starts[1:], strict=True):
            scene[end:start] = 0
    lowest_peak = min(PEAK, *(limiting_gain(scene, PEAK) * np.abs(scene).max() for scene in scenes[1:]))
    return {variant: limit_crest(scene, lowest_peak) for variant, scene in zip(VARIANTS, scenes, strict=True)}


def sounding_parts(n_events: int, gap_s: float) -> tuple[list[int], list[int]]:
    """Compute starts and ends, in samples, of the parts between gaps: one per event, or one in all without gaps."""
    if gap_s == 0:
        return [0], [SCENE_SAMPLES]
    joints = [i * SCENE_SAMPLES // n_events for i in range(1, n_events)]
    half = round(gap_s / 2 * SAMPLING_RATE)
    return [0, *(joint + half for joint in joints)], [*(joint - half for joint in joints), SCENE_SAMPLES]


def event_times(variant: str, n_events: int, gap_s: float) -> list[tuple[float, float]]:
    """Compute (onset_s, duration_s) of each event of a variant, in order of onset."""
    if variant in ("single", "overlay"):
        return [(0.0, SCENE_S)] * (1 if variant == "single" else n_events)
    times = []
    for i in range(n_events):
        onset_s = i * SCENE_S / n_events + (gap_s / 2 if i > 0 else 0.0)
        end_s = (i + 1) * SCENE_S / n_events - (gap_s / 2 if i < n_events - 1 else 0.0)
        times.append((onset_s, end_s - onset_s))
    return times
