"""Tell which of some labels sound in a recording, and from when to when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import median_filter

from teminal.captions import DEFAULT
from teminal.evaluation.models import AudioTextModel
from teminal.evaluation.windows import Audio, LongFile, cut, decode_file, load_file
from teminal.rendering import SAMPLING_RATE
from teminal.search.windows import measure_duration

WINDOW_S = 2.0  # that a label is scored in
HOP_S = 0.5  # from one window to the next
THRESHOLD = 3.0


@dataclass(frozen=True)
class Event:
    """A sound in a recording; `score` is the mean of its label's calibrated scores while it lasts."""

    label: str
    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True)
class Timeline:
    """What happens when in a recording.

    Attributes:
        events: by their start.
        times_s: (windows,), the middle of each window, in seconds from the start.
        scores: (labels, windows) calibrated, see [`calibrate`].
    """

    file: str
    duration_s: float
    labels: list[str]
    threshold: float
    events: list[Event]
    times_s: np.ndarray
    scores: np.ndarray


def timeline(
    model: AudioTextModel, file: str | PathLike[str], labels: Sequence[str], threshold: float = THRESHOLD
) -> Timeline:
    """Find the sounds of a recording of any length, with seconds of it in memory.

    Windows of 2 s, 0.5 s apart, are scored with "This is a sound of x." for each label. A label sounds where its
    calibrated score is above the threshold for at least half a second.

    Args:
        model: of `teminal.load`.
        labels: what may sound; more of them calibrate one another better.

    Raises:
        ValueError: the file cannot be read, or a label is empty or given twice.
    """
    check_labels(labels)
    try:
        audio = load_file(Path(file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    duration_s = measure_duration(audio)
    spans = place_short_windows(duration_s)
    text = model.embed_text([DEFAULT["single"].format(label) for label in labels])
    windows = model.embed_audio(_cut_spans(audio, spans), SAMPLING_RATE)
    scores = calibrate(text @ windows.T)
    times_s = np.array([(span.start + span.stop) / 2 / SAMPLING_RATE for span in spans])
    events: list[Event] = []
    for label, own in zip(labels, scores, strict=True):
        events += find_events(label, own, times_s, duration_s, threshold)
    events.sort(key=lambda event: (event.start_s, event.end_s))
    return Timeline(str(file), duration_s, list(labels), threshold, events, times_s, scores)


def check_labels(labels: Sequence[str]) -> None:
    """Raise a ValueError if there are no labels, or one is empty or given twice."""
    stripped = [label.strip() for label in labels]
    if not stripped:
        raise ValueError("--labels: say which sounds to look for, such as dog rain")
    if "" in stripped:
        raise ValueError("--labels: a label is empty")
    if twice := [label for label in stripped if stripped.count(label) > 1]:
        raise ValueError(f"--labels: {twice[0]!r} is given twice")


def place_short_windows(duration_s: float) -> list[slice]:
    """Place windows of `WINDOW_S`, `HOP_S` apart, over a recording; the first and last are centred on its ends."""
    n_samples = round(duration_s * SAMPLING_RATE)
    centres = np.arange(0, duration_s + HOP_S / 2, HOP_S)
    starts, stops = centres - WINDOW_S / 2, centres + WINDOW_S / 2
    starts, stops = (np.clip(np.round(ends * SAMPLING_RATE), 0, n_samples).astype(int) for ends in (starts, stops))
    return [slice(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True) if start < stop]


def _cut_spans(audio: Audio, spans: list[slice]) -> Iterator[torch.Tensor]:
    blocks = decode_file(audio.path) if isinstance(audio, LongFile) else iter([np.asarray(audio)])
    return cut(map(torch.from_numpy, blocks), spans)


def calibrate(cosines: np.ndarray) -> np.ndarray:
    """Set the scores of each label against those that it has on the rest of the recording.

    The rest are the windows in which another label has the highest cosine, or, if these are less than a quarter, the
    quarter of windows with the label's lowest cosines. The result is how many standard deviations a score is above the
    median of the rest; both are estimated robustly (from the median absolute deviation).

    Args:
        cosines: (labels, windows).
    """
    best = cosines.argmax(0)
    calibrated = np.empty_like(cosines)
    for row, own in enumerate(cosines):
        rest = own[best != row]
        if len(rest) * 4 < len(own):
            rest = np.sort(own)[: max(1, len(own) // 4)]
        middle = np.median(rest)
        spread = max(1.4826 * np.median(np.abs(rest - middle)), 1e-3)
        calibrated[row] = (own - middle) / spread
    return calibrated


def find_events(
    label: str, scores: np.ndarray, times_s: np.ndarray, duration_s: float, threshold: float
) -> list[Event]:
    """Find where a label's calibrated scores (windows,) are above the threshold; single windows do not count."""
    above = median_filter((scores > threshold).astype(np.int8), size=3, mode="nearest")
    edges = np.flatnonzero(np.diff(above, prepend=0, append=0))
    events = []
    for first, end in edges.reshape(-1, 2).tolist():
        start_s = max(0.0, times_s[first] - HOP_S / 2)
        end_s = min(duration_s, times_s[end - 1] + HOP_S / 2)
        events.append(Event(label, float(start_s), float(end_s), float(scores[first:end].mean())))
    return events
