"""Tell which of some labels sound in a recording, and from when to when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from teminal.captions import DEFAULT
from teminal.evaluation.models import AudioTextModel
from teminal.evaluation.windows import Audio, LongFile, cut, decode_file, load_file
from teminal.rendering import SAMPLING_RATE
from teminal.search.options import THRESHOLD, check_labels
from teminal.search.windows import measure_duration
from teminal.sources.synthetic import SYNTHETIC_CLASSES, synthesise

WINDOW_S = 2.0  # that a label is scored in
HOP_S = 0.5  # from one window to the next
GOES_ON = 0.5  # share of the threshold above which a sound goes on
SILENCE = 10 ** (-70 / 20)  # root mean square of a window in which nothing sounds: -70 dB of full scale
NEAR_BEST = 0.1  # standard deviations that a label's cosine may be below the best of its window
REFERENCE_NUMBERS = (9001, 9002)  # of each kind of generated sound; no fold has them


@dataclass(frozen=True)
class Event:
    """A sound in a recording; `score` is the highest calibrated score of its label in it."""

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
    model: AudioTextModel, file: str | PathLike[str], labels: str | Sequence[str], threshold: float = THRESHOLD
) -> Timeline:
    """Find the sounds of a recording of any length, with seconds of it in memory.

    Windows of 2 s, 0.5 s apart, are compared with "This is a sound of x." for each label. A label sounds where its
    cosine is the best, or nearly, and its calibrated score high; see [`calibrate`] and [`find_events`].

    Args:
        model: of `teminal.load`.
        labels: what may sound, each as it is, or one; more of them calibrate one another better.

    Raises:
        ValueError: the file cannot be read, or a label is empty or given twice.
    """
    labels = [labels] if isinstance(labels, str) else list(labels)
    check_labels(labels)
    try:
        audio = load_file(Path(file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    duration_s = measure_duration(audio)
    spans = place_short_windows(duration_s)
    text = model.embed_text([DEFAULT["single"].format(label) for label in labels])
    loudness = list[float]()
    windows = model.embed_audio(_cut_spans(audio, spans, loudness), SAMPLING_RATE)
    others = model.embed_audio(generate_reference(), SAMPLING_RATE)
    cosines = text @ windows.T
    scores, spread = calibrate(cosines, text @ others.T)
    times_s = np.arange(len(spans)) * HOP_S
    near_best = cosines >= cosines.max(0) - NEAR_BEST * spread
    may_sound = near_best & (np.array(loudness) > SILENCE)
    events: list[Event] = []
    for label, own in zip(labels, np.where(may_sound, scores, -np.inf), strict=True):
        events += find_events(label, own, times_s, duration_s, threshold)
    events.sort(key=lambda event: (event.start_s, event.end_s))
    return Timeline(str(file), duration_s, labels, threshold, events, times_s, scores)


def place_short_windows(duration_s: float) -> list[slice]:
    """Place windows of `WINDOW_S`, `HOP_S` apart, over a recording; the first and last are centred on its ends."""
    n_samples = round(duration_s * SAMPLING_RATE)
    centres = np.arange(0, duration_s + HOP_S / 2, HOP_S)
    starts, stops = centres - WINDOW_S / 2, centres + WINDOW_S / 2
    starts, stops = (np.clip(np.round(ends * SAMPLING_RATE), 0, n_samples).astype(int) for ends in (starts, stops))
    return [slice(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True) if start < stop]


def _cut_spans(audio: Audio, spans: list[slice], loudness: list[float]) -> Iterator[np.ndarray]:
    """Cut spans out of audio, and note the root mean square of each."""
    blocks = decode_file(audio.path) if isinstance(audio, LongFile) else iter([np.asarray(audio)])
    for samples in cut(blocks, spans):
        loudness.append(float(np.sqrt(np.mean(samples**2))))
        yield samples


def generate_reference() -> list[np.ndarray]:
    """Generate sounds that a label's scores are set against: windows (samples,) at 48 kHz."""
    n_samples = round(WINDOW_S * SAMPLING_RATE)
    return [
        synthesise(label, number, SAMPLING_RATE)[:n_samples]
        for label in SYNTHETIC_CLASSES
        for number in REFERENCE_NUMBERS
    ]


def calibrate(cosines: np.ndarray, of_others: np.ndarray) -> tuple[np.ndarray, float]:
    """Set the scores of each label against those that it has on the rest.

    From each label's cosines its median over all windows is taken, for most of the time most labels do not sound. In a
    short recording one may sound half of the time; so generated sounds count among the windows.

    Args:
        cosines: (labels, windows).
        of_others: (labels, generated sounds).

    Returns:
        Scores (labels, windows) in standard deviations, of all labels together, and that standard deviation.
    """
    both = np.concatenate([cosines, of_others], axis=1)
    middle = np.median(both, axis=1, keepdims=True)
    spread = max(float((both - middle).std()), 1e-6)
    return (cosines - middle) / spread, spread


def find_events(
    label: str, scores: np.ndarray, times_s: np.ndarray, duration_s: float, threshold: float
) -> list[Event]:
    """Find where a label sounds: two windows or more above `GOES_ON` of the threshold, one of them above all of it.

    One window is enough where a recording has no more.

    Args:
        scores: (windows,) calibrated.
    """
    edges = np.flatnonzero(np.diff((scores > GOES_ON * threshold).astype(np.int8), prepend=0, append=0))
    events = []
    for first, end in edges.reshape(-1, 2).tolist():
        if end - first >= min(2, len(scores)) and scores[first:end].max() > threshold:
            start_s = max(0.0, times_s[first] - HOP_S / 2)
            end_s = min(duration_s, times_s[end - 1] + HOP_S / 2)
            events.append(Event(label, float(start_s), float(end_s), float(scores[first:end].max())))
    return events
