"""Folders of one's own sounds, small: class sub-folders of short noises in several formats."""

from pathlib import Path

import numpy as np
import soundfile

SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")
RATES = (16_000, 22_050, 44_100, 48_000, 96_000)
CLASSES = ("bell", "dog", "rain")


def write_sound(path: Path, sampling_rate: int = 16_000, seconds: float = 1.0) -> Path:
    """Noise that only this file name has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(list(path.name.encode(errors="replace")))
    if path.suffix == ".mp3":
        sampling_rate = min(sampling_rate, 48_000)
    soundfile.write(path, 0.1 * rng.standard_normal(int(seconds * sampling_rate)), sampling_rate)
    return path


def write_classes(root: Path, n_clips: int = 5, classes: tuple[str, ...] = CLASSES) -> Path:
    """`n_clips` of each class in its sub-folder, in mixed formats and rates."""
    for label in classes:
        for number in range(n_clips):
            name = f"{label}-{number}{SUFFIXES[number % len(SUFFIXES)]}"
            write_sound(root / label / name, RATES[number % len(RATES)])
    return root
