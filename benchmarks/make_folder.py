"""Make a folder as people have them from real clips: mixed formats and rates, a sub-folder per class.

python benchmarks/make_folder.py --esc50_dir ESC-50 --output_dir sounds
"""

import argparse
from pathlib import Path

import soundfile
import soxr

from teminal.clips import read_clip
from teminal.rendering import SAMPLING_RATE
from teminal.sources import load_clips

N_CLASSES, CLIPS_PER_CLASS = 10, 30
FORMATS = ((".wav", (16_000, 44_100, 96_000)), (".mp3", (16_000, 44_100, 48_000)), (".flac", (22_050, 48_000, 96_000)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esc50_dir", required=True, help="official ESC-50 folder")
    parser.add_argument("--output_dir", type=Path, required=True)
    args = parser.parse_args()
    clips = load_clips("esc50", esc50_dir=args.esc50_dir)
    for label in sorted({clip.label for clip in clips})[:N_CLASSES]:
        folder = args.output_dir / label
        folder.mkdir(parents=True, exist_ok=True)
        for number, clip in enumerate([clip for clip in clips if clip.label == label][:CLIPS_PER_CLASS]):
            suffix, rates = FORMATS[number % len(FORMATS)]
            rate = rates[number // len(FORMATS) % len(rates)]
            waveform = soxr.resample(read_clip(clip), SAMPLING_RATE, rate)
            soundfile.write(folder / f"{clip.recording}-{number}{suffix}", waveform, rate)


if __name__ == "__main__":
    main()
