"""Make a library to search: files of 10 s to 5 min, cut and joined from real clips, and a table of what is in them.

`truth.csv` has a row for every sound: file, label, start_s, end_s. Sounds follow each other, with pauses of up to 2 s.

    python benchmarks/make_library.py --esc50_dir ESC-50 --output_dir library
"""

import argparse
import csv
import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from teminal.clips import Clip, read_clip
from teminal.event_loops import event_loop
from teminal.rendering import SAMPLING_RATE
from teminal.sources import load_clips

FILE_S = (10.0, 300.0)
SOUND_S = (2.0, 5.0)
PAUSE_S = (0.1, 2.0)
FLOOR = 1e-4  # amplitude of the noise in pauses

Truth = dict[str, list[dict]]  # file -> its sounds, in order
Pair = tuple[str, str]  # of labels


def draw_clips(clips: list[Clip], rng: np.random.Generator) -> Iterator[Clip]:
    """Draw clips without end, all of them before any again, but for those that would repeat the label before."""
    last = None
    while True:
        for clip in [clips[i] for i in rng.permutation(len(clips))]:
            if clip.label != last:
                yield clip
            last = clip.label


def compose(drawn: Iterator[Clip], duration_s: float, rng: np.random.Generator) -> tuple[np.ndarray, list[dict]]:
    """Join sounds until the duration is reached: (samples,) at 48 kHz, and what is in it."""
    waveform = FLOOR * rng.standard_normal(round(duration_s * SAMPLING_RATE), np.float32)
    events, start_s = [], rng.uniform(*PAUSE_S)
    while start_s + SOUND_S[1] <= duration_s:
        clip, length_s = next(drawn), rng.uniform(*SOUND_S)
        sound = event_loop(read_clip(clip))[: round(length_s * SAMPLING_RATE)]
        start = round(start_s * SAMPLING_RATE)
        waveform[start : start + len(sound)] += sound
        events.append({"label": clip.label, "start_s": round(start_s, 3), "end_s": round(start_s + length_s, 3)})
        start_s += length_s + rng.uniform(*PAUSE_S)
    return waveform, events


def read_truth(library: Path) -> Truth:
    """Read which sounds each file has, in order."""
    truth: Truth = defaultdict(list)
    with open(library / "truth.csv", newline="") as file:
        for row in csv.DictReader(file):
            truth[row["file"]].append({**row, "start_s": float(row["start_s"]), "end_s": float(row["end_s"])})
    return dict(truth)


def list_successions(sounds: list[dict]) -> list[tuple[Pair, float]]:
    """List the labels of each two sounds of a file that follow one another, and where the first starts in seconds."""
    return [((one["label"], next_one["label"]), one["start_s"]) for one, next_one in itertools.pairwise(sounds)]


def find_pairs(truth: Truth) -> list[Pair]:
    """Find the labels that follow one another in some file, sorted."""
    return sorted({pair for sounds in truth.values() for pair, _ in list_successions(sounds)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default="esc50")
    parser.add_argument("--esc50_dir", help="official ESC-50 folder")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--n_clips", type=int, default=2400, help="at least so many are joined")
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.output_dir.exists():
        parser.error(f"--output_dir {args.output_dir}: it is there already; name a new folder")
    rng = np.random.default_rng(args.seed)
    given = {"esc50_dir": args.esc50_dir} if args.esc50_dir else {}
    clips = [clip for clip in load_clips(args.source, **given) if clip.fold in args.folds]
    drawn, rows = draw_clips(clips, rng), []
    args.output_dir.mkdir(parents=True)
    while len(rows) < args.n_clips:
        waveform, events = compose(drawn, float(np.exp(rng.uniform(*np.log(FILE_S)))), rng)
        name = f"{len(rows):05d}.flac"
        soundfile.write(args.output_dir / name, waveform, SAMPLING_RATE)
        rows += [{"file": name, **event} for event in events]
    with open(args.output_dir / "truth.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} sounds in {len({row['file'] for row in rows})} files")


if __name__ == "__main__":
    main()
