"""A clip: one recording with what is said of it, and how it is decoded."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from teminal.audio import read_audio
from teminal.find_audio import can_decode
from teminal.rendering import SAMPLING_RATE
from teminal.synthetic import synthesise

MAX_DURATION_S = 60.0  # of a clip that is read: a small file may unpack to hours


@dataclass(frozen=True)
class Clip:
    """One labelled or captioned recording.

    Attributes:
        label: its class, or "" for a captioned clip.
        fold: its official fold, or `None` where the source has an official `split` instead.
        recording: the source recording, which never lies on both sides of a split.
        audio: a path, the bytes of an audio file, the (class, index) of a synthetic clip, or `None` where the audio
            is not at hand.
        min_duration_s: shorter audio counts as truncated.
        captions: what people wrote of it.
        split: "train", "validation" or "test".
        start_s: where in the recording the clip begins.
        license: its SPDX-like identifier on the Hub.
        attribution: whom to credit for it.
        credit: the same without the recording, where not the source but its clips say so.
    """

    name: str
    label: str
    fold: int | None
    recording: str
    audio: Path | bytes | tuple[str, int] | None = field(repr=False)
    min_duration_s: float = 0.0
    captions: tuple[str, ...] = ()
    split: str | None = None
    start_s: int = 0
    license: str = "other"
    attribution: str = ""
    credit: str = ""

    @property
    def is_generated(self) -> bool:
        """Whether the clip is made by [`synthesise`], and so cannot be faulty."""
        return isinstance(self.audio, tuple)


def read_clip(clip: Clip) -> np.ndarray:
    """Decode one clip: (samples,) fp32 mono at 48 kHz, in [-1, 1], at most `MAX_DURATION_S`.

    Raises:
        ValueError: the audio is unreadable, empty, truncated, silent or not finite; the message is the reason alone.
    """
    if clip.is_generated:
        return synthesise(*clip.audio, SAMPLING_RATE)
    if clip.audio is None:
        raise ValueError("missing file")
    waveform = read_audio(clip.audio, clip.min_duration_s, MAX_DURATION_S)
    if np.abs(waveform).max() < 1e-5:
        raise ValueError("silent audio")
    return waveform


def digest(clips: list[Clip]) -> str:
    """A hash of all that is known of clips before they are decoded, with size and time of their files."""
    hashed = hashlib.sha256()
    for clip in clips:
        audio = clip.audio
        if isinstance(audio, Path):
            stat = audio.stat() if audio.is_file() and can_decode(audio) else None
            audio = stat and (stat.st_size, stat.st_mtime_ns)
        elif isinstance(audio, bytes):
            audio = hashlib.sha256(audio).hexdigest()
        known = clip.name, clip.label, clip.fold, clip.split, clip.captions, clip.recording, clip.start_s, audio
        hashed.update(repr(known).encode())
    return hashed.hexdigest()
