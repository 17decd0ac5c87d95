"""Measure `teminal timeline` on composed recordings with four sounds, beside windows of transformers' pipeline.

A recording lasts 60 s and has four of the ten classes that are asked for. A sound is found if an event of its label
shares at least half of the time that either covers (intersection over union); F1 is over all recordings. Order: of
each two sounds of a recording, both are found, and the one that begins first is said to. The pipeline classifies the
same windows of 2 s, half a second apart, among the ten labels; a sound is where its label has more than half of the
probability.

    python benchmarks/timeline.py --esc50_dir ESC-50 --folds 4 --model_name_or_path runs/esc50_tiny --output_json ...
    python benchmarks/timeline.py --source synthetic --folds 5 --model_name_or_path runs/quickstart --output_json ...
"""

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import side_by_side as bench
import soundfile
import torch
from tqdm.auto import tqdm
from transformers import pipeline

import teminal
from teminal.clips import Clip, read_clip
from teminal.evaluation.statistics import Figures, resample
from teminal.event_loops import event_loop
from teminal.rendering import SAMPLING_RATE
from teminal.search.timeline import HOP_S, Event, find_events, place_short_windows
from teminal.sources import load_clips

DURATION_S, N_SOUNDS, N_LABELS = 60.0, 4, 10
SOUND_S = (2.0, 5.0)
FLOOR = 1e-3  # amplitude of the noise between sounds, above what a timeline takes for silence
LEAST_SHARED = 0.5
MOST_PROBABLE = 0.5

Find = Callable[[Path, list[str]], list[Event]]


def compose(clips: list[Clip], rng: np.random.Generator) -> tuple[np.ndarray, list[Event], list[str]]:
    """Compose a recording (samples,) at 48 kHz; also return its sounds, and the labels to ask for."""
    labels = rng.permutation(sorted({clip.label for clip in clips}))[:N_LABELS].tolist()
    lengths_s = rng.uniform(*SOUND_S, N_SOUNDS)
    pauses_s = rng.dirichlet(np.ones(N_SOUNDS + 1)) * (DURATION_S - lengths_s.sum())
    waveform = FLOOR * rng.standard_normal(round(DURATION_S * SAMPLING_RATE), np.float32)
    events, start_s = [], 0.0
    for label, length_s, pause_s in zip(labels, lengths_s, pauses_s, strict=False):
        start_s += pause_s
        clip = rng.choice([clip for clip in clips if clip.label == label])
        sound = event_loop(read_clip(clip))[: round(length_s * SAMPLING_RATE)]
        start = round(start_s * SAMPLING_RATE)
        waveform[start : start + len(sound)] += sound[: len(waveform) - start]
        events.append(Event(label, start_s, start_s + length_s, 1.0))
        start_s += length_s
    return waveform, events, sorted(labels)


def match(found: list[Event], true: list[Event]) -> list[Event | None]:
    """Find for each true sound the event of its label that shares the most time with it, if that is enough."""
    matches: list[Event | None] = []
    for sound in true:
        own = [event for event in found if event.label == sound.label]
        best = max(own, key=lambda event: measure_shared(event, sound), default=None)
        matches.append(best if best and measure_shared(best, sound) >= LEAST_SHARED else None)
    return matches


def measure_shared(one: Event, other: Event) -> float:
    """Measure the share of the time covered by two events that both cover."""
    shared_s = max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s))
    return shared_s / (max(one.end_s, other.end_s) - min(one.start_s, other.start_s))


def measure(find: Find, recordings: list[tuple[Path, list[Event], list[str]]]) -> dict:
    """Measure F1 and order with their intervals over recordings, and speed in multiples of real time."""
    counts, order, started = [], [], time.perf_counter()
    for file, true, labels in tqdm(recordings):
        found = find(file, labels)
        matches = match(found, true)
        counts.append([sum(event is not None for event in matches), len(found), len(true)])
        pairs = list(itertools.combinations(matches, 2))
        order.append(np.mean([bool(one and other and one.start_s < other.start_s) for one, other in pairs]))
    times_real_time = DURATION_S * len(recordings) / (time.perf_counter() - started)
    samples, figures = resample(len(recordings), 0), Figures()
    right, n_found, n_true = np.array(counts).T

    def f1(weights: np.ndarray) -> np.ndarray:
        return 2 * (weights @ right) / np.maximum(weights @ (n_found + n_true), 1)

    figures.add("f1", float(f1(np.ones(len(counts)))), f1(samples), len(counts))
    figures.add("order", float(np.mean(order)), samples @ np.array(order) / len(order), len(order))
    return dict(figures) | {"events_found": int(n_found.sum()), "times_real_time": times_real_time}


def find_with_teminal(model_name_or_path: str) -> Find:
    """Find sounds as `teminal timeline` does."""
    model = teminal.load(model_name_or_path)
    return lambda file, labels: teminal.timeline(model, file, labels).events


def find_with_pipeline(model_name_or_path: str) -> Find:
    """Find sounds as people do with transformers alone."""
    classify = pipeline("zero-shot-audio-classification", model=model_name_or_path, trust_remote_code=True)

    def find(file: Path, labels: list[str]) -> list[Event]:
        waveform, _ = soundfile.read(file, dtype="float32")
        spans = place_short_windows(DURATION_S)
        windows = [waveform[span] for span in spans]
        rows = classify(windows, candidate_labels=labels, hypothesis_template="This is a sound of {}.")
        times_s = np.arange(len(spans)) * HOP_S
        events = []
        for label in labels:
            scores = np.array([next(item["score"] for item in row if item["label"] == label) for row in rows])
            events += find_events(label, scores, times_s, DURATION_S, MOST_PROBABLE)
        return events

    return find


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--source", default="esc50")
    parser.add_argument("--esc50_dir", help="official ESC-50 folder")
    parser.add_argument("--folds", type=int, nargs="+", required=True, help="whose clips are composed")
    parser.add_argument("--model_name_or_path", required=True)
    parser.add_argument("--n_recordings", type=int, default=200)
    parser.add_argument("--n_by_pipeline", type=int, default=200)
    args = parser.parse_args()
    given = {"esc50_dir": args.esc50_dir} if args.esc50_dir else {}
    clips = [clip for clip in load_clips(args.source, **given) if clip.fold in args.folds]
    rng, recordings = np.random.default_rng(0), []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.n_recordings):
            waveform, events, labels = compose(clips, rng)
            file = Path(folder) / f"{number}.wav"
            soundfile.write(file, waveform, SAMPLING_RATE)
            recordings.append((file, events, labels))
        results: dict = {"machine": bench.describe_machine(torch.device("cpu"))}
        results["timeline"] = measure(find_with_teminal(args.model_name_or_path), recordings)
        print("timeline", results["timeline"], flush=True)
        bench.write_json(results, args.output_json)
        of_pipeline = recordings[: args.n_by_pipeline]
        results["pipeline"] = measure(find_with_pipeline(args.model_name_or_path), of_pipeline)
        print("pipeline", results["pipeline"], flush=True)
    bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
