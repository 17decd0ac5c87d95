"""Compose generated sounds, and make a library of them to search."""

from pathlib import Path

import numpy as np
import soundfile

from teminal.event_loops import event_loop
from teminal.rendering import SAMPLING_RATE, render
from teminal.scenes import Composition, Layout
from teminal.sources.synthetic import SYNTHETIC_CLASSES, synthesise

LABELS = sorted(SYNTHETIC_CLASSES)
NUMBER = 5000  # of the first clip of fold 5, which no training of this project hears
EDGE_S = 0.2  # silence before the first and after the last sound
SOUNDS_PER_FILE, SOUND_S, PAUSE_S = 6, (2.0, 3.5), (0.2, 0.8)


def compose(
    labels: list[str], length_s: float, gap_s: float, background: str | None, background_db: float
) -> np.ndarray:
    """Compose two or three sounds in order: (samples,) at 48 kHz.

    Raises:
        ValueError: too few sounds, one twice, or a scene that is too short or too long.
    """
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise ValueError("Choose two or three different sounds.")
    if background in labels:
        raise ValueError(f"The background must be another sound than {background}.")
    slots = tuple((EDGE_S + number * (length_s + gap_s), length_s) for number in range(len(labels)))
    layout = Layout(max(3.0, slots[-1][0] + length_s + EDGE_S), slots)
    everything = [*labels, *([background] if background else [])]
    loops = {
        number: event_loop(synthesise(label, NUMBER, SAMPLING_RATE)).astype(np.float16)
        for number, label in enumerate(everything)
    }
    clips = tuple(range(len(labels)))
    composition = Composition(
        clips,
        background=(len(labels),) if background else (),
        background_db=background_db,
        layout=layout,
        variant="forward",
    )
    return next(iter(render([composition], loops, loops)))


def to_pcm(waveform: np.ndarray) -> tuple[int, np.ndarray]:
    """Convert (samples,) at 48 kHz to the rate and 16 bit PCM, which players of the page take."""
    return SAMPLING_RATE, (waveform * 32_767).clip(-32_768, 32_767).astype(np.int16)


def make_library(folder: Path) -> None:
    """Write recordings of six generated sounds, named after them; every sound follows every other in one of them."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    tour = tour_all_pairs(LABELS)
    for number, start in enumerate(range(0, len(tour) - 1, SOUNDS_PER_FILE - 1)):
        labels = tour[start : start + SOUNDS_PER_FILE]
        parts = []
        for label in labels:
            length_s, pause_s = rng.uniform(*SOUND_S), rng.uniform(*PAUSE_S)
            sound = event_loop(synthesise(label, NUMBER + int(rng.integers(24)), SAMPLING_RATE))
            parts += [sound[: round(length_s * SAMPLING_RATE)], np.zeros(round(pause_s * SAMPLING_RATE), np.float32)]
        soundfile.write(folder / f"{number:02d} {', '.join(labels)}.ogg", np.concatenate(parts), SAMPLING_RATE)


def tour_all_pairs(labels: list[str]) -> list[str]:
    """Order labels, each many times, so that every one follows every other exactly once (Hierholzer's algorithm)."""
    left = {label: [other for other in labels if other != label] for label in labels}
    path, tour = [labels[0]], []
    while path:
        following = left[path[-1]]
        if following:
            path.append(following.pop())
        else:
            tour.append(path.pop())
    return tour[::-1]
