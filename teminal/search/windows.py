"""Place overlapping windows of 10 and 30 s on a recording, and cut them out of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from teminal.evaluation.windows import Audio, LongFile, cut, decode_file
from teminal.rendering import SAMPLING_RATE

LENGTHS_S = (10.0, 30.0)


@dataclass(frozen=True)
class Span:
    """From when to when in a recording, in seconds, and whether that is all of it."""

    start_s: float
    end_s: float
    is_whole: bool = False


def place_windows(duration_s: float) -> list[Span]:
    """Place the windows of a recording: all of it first, then by their start.

    Windows of one length lie evenly from its start to its end, each begins at most half its length after the last. A
    recording that is no longer than a length has no windows of it.
    """
    spans = []
    for length_s in LENGTHS_S:
        latest_s = duration_s - length_s
        if latest_s > 0:
            starts = np.linspace(0, latest_s, math.ceil(latest_s / (length_s / 2)) + 1).tolist()
            spans += [Span(start_s, start_s + length_s) for start_s in starts]
    return [Span(0.0, duration_s, is_whole=True), *sorted(spans, key=lambda span: (span.start_s, span.end_s))]


def measure_duration(audio: Audio) -> float:
    """Get the duration of mono audio at 48 kHz, in seconds."""
    return (audio.n_samples if isinstance(audio, LongFile) else len(audio)) / SAMPLING_RATE


def cut_windows(audio: Audio, spans: list[Span]) -> Iterator[Audio]:
    """Cut the result of [`place_windows`] out of mono audio at 48 kHz, with seconds of a long file in memory."""
    yield audio
    blocks = decode_file(audio.path) if isinstance(audio, LongFile) else iter([np.asarray(audio)])
    slices = [slice(*(round(time_s * SAMPLING_RATE) for time_s in (span.start_s, span.end_s))) for span in spans[1:]]
    yield from cut(blocks, slices)


def read_span(path: Path, start_s: float, end_s: float) -> np.ndarray:
    """Decode a part of a file to (samples,) fp32 mono at 48 kHz, with seconds of it in memory.

    Raises:
        ValueError: the file is missing or cannot be read.
    """
    start, end = round(start_s * SAMPLING_RATE), round(end_s * SAMPLING_RATE)
    parts, position = [], 0
    for block in decode_file(path):
        parts.append(block[max(0, start - position) : max(0, end - position)])
        position += len(block)
        if position >= end:
            break
    if not sum(map(len, parts)):
        raise ValueError("the file has become shorter; run `teminal embed` again")
    return np.concatenate(parts)
