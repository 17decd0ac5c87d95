"""Make a table of what a search has found, and save the parts of files."""

from pathlib import Path

import soundfile
from tabulate import tabulate

from teminal.audio import printable
from teminal.rendering import SAMPLING_RATE
from teminal.search.index import Hit, Index


def format_hits(hits: list[Hit]) -> str:
    """Make a table of hits, with times as minutes and seconds."""
    rows = [[printable(hit.file), format_time(hit.start_s), format_time(hit.end_s), hit.score] for hit in hits]
    return tabulate(
        rows, ["file", "start", "end", "score"], floatfmt=".3f", colalign=("left", "right", "right", "right")
    )


def format_time(seconds: float) -> str:
    """Write seconds as minutes and seconds, such as 1:05.2."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def require_elsewhere(folder: Path, index: Index) -> None:
    """Raise a ValueError if clips would be saved among the files that are searched."""
    if folder.resolve().is_relative_to(index.folder):
        raise ValueError(f"--save_clips {folder}: it is in the folder that is searched; name another")


def save_clips(index: Index, hits: list[Hit], folder: Path) -> None:
    """Write hits as WAV files, 16 bit mono at 48 kHz, named by rank, file and start.

    Raises:
        ValueError: a file of a hit is gone.
        OSError: a file cannot be written.
    """
    for rank, hit in enumerate(hits, start=1):
        name = f"{rank:02d}_{Path(printable(hit.file)).stem[:50]}_{hit.start_s:.1f}s.wav"  # no name is too long
        try:
            soundfile.write(folder / name, index.read(hit), SAMPLING_RATE, subtype="PCM_16")
        except soundfile.SoundFileError as error:
            raise OSError(f"--save_clips {folder}: {name} cannot be written ({error})") from error
