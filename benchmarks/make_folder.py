"""A folder as people have them, of real clips: mixed formats and rates, in class sub-folders or with metadata.csv.

python benchmarks/make_folder.py --esc50_dir ESC-50 --output_dir sounds
python benchmarks/make_folder.py --esc50_dir ESC-50 --output_dir sounds --metadata
"""

import argparse
import csv
from pathlib import Path

import soundfile
import soxr

from teminal.clips import read_clip
from teminal.rendering import SAMPLING_RATE
from teminal.sources import load_clips

FORMATS = ((".wav", (16_000, 44_100, 96_000)), (".mp3", (16_000, 44_100, 48_000)), (".flac", (22_050, 48_000, 96_000)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esc50_dir", required=True, help="official ESC-50 folder")
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--n_classes", type=int, default=10)
    parser.add_argument("--n_clips", type=int, default=30, help="of each class")
    parser.add_argument("--metadata", action="store_true", help="one folder with metadata.csv instead of sub-folders")
    args = parser.parse_args()
    clips = load_clips("esc50", esc50_dir=args.esc50_dir)
    rows = []
    for label in sorted({clip.label for clip in clips})[: args.n_classes]:
        for number, clip in enumerate([clip for clip in clips if clip.label == label][: args.n_clips]):
            suffix, rates = FORMATS[number % len(FORMATS)]
            sampling_rate = rates[number // len(FORMATS) % len(rates)]
            folder = args.output_dir if args.metadata else args.output_dir / label
            path = folder / f"{clip.recording}-{number}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, soxr.resample(read_clip(clip), SAMPLING_RATE, sampling_rate), sampling_rate)
            rows.append([path.name, label, clip.recording])
    if args.metadata:
        with open(args.output_dir / "metadata.csv", "w", newline="") as file:
            csv.writer(file).writerows([["file_name", "label", "recording"], *rows])


if __name__ == "__main__":
    main()
