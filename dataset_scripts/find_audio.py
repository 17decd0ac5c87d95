"""Find the audio files below a folder; what is left out is counted."""

import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

AUDIO_SUFFIXES = (  # read by libsndfile
    *(".wav", ".flac", ".ogg", ".mp3", ".opus", ".oga", ".aiff", ".aif", ".aifc"),
    *(".wave", ".w64", ".rf64", ".caf", ".au", ".snd", ".voc", ".sph"),
)
FFMPEG_SUFFIXES = (  # read by FFmpeg, where PyAV brings it
    *(".m4a", ".mp4", ".aac", ".webm", ".weba", ".mka", ".wma", ".mp2", ".m4b", ".amr", ".ac3", ".3gp", ".wv", ".ape"),
)
ALL_SUFFIXES = AUDIO_SUFFIXES + FFMPEG_SUFFIXES
CURE = "install PyAV to read them: pip install av"


def can_decode(path: Path) -> bool:
    """Whether the installed libraries read files of this suffix, or of one that is not known."""
    return path.suffix.lower() not in FFMPEG_SUFFIXES or find_spec("av") is not None


@dataclass(frozen=True)
class FoundAudio:
    """Audio files, sorted, and how many others of each suffix there are."""

    files: list[Path]
    left_out: dict[str, int]

    def describe_left_out(self) -> str:
        """Such as "2 .m4a (install PyAV to read them: pip install av), 1 .txt"; "" where nothing is left out."""
        parts = []
        for suffix, count in sorted(self.left_out.items()):
            cure = f" ({CURE})" if suffix in FFMPEG_SUFFIXES else ""
            parts.append(f"{count} {suffix or 'without suffix'}{cure}")
        return ", ".join(parts)


def printable(name: str) -> str:
    """A file name with the bytes that are not UTF-8 written as \\xNN, for what holds text alone: Parquet, a card."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def plain_name(stem: str) -> str:
    """A file's name without suffix, in one spelling of accents and without spaces around it."""
    return unicodedata.normalize("NFC", stem).strip()


def find_audio(folder: Path) -> FoundAudio:
    """All audio files of a folder and below, linked folders too; each folder once, by its own path before a link.

    Raises:
        OSError: a folder cannot be read.
    """
    files, left_out = [], Counter()
    seen, folders, linked = set(), [folder], []
    while folders or linked:
        here = folders.pop() if folders else linked.pop(0)
        if here.resolve() in seen:
            continue
        seen.add(here.resolve())
        for path in sorted(here.iterdir()):
            if path.is_dir():
                (linked if path.is_symlink() else folders).append(path)
            elif path.suffix.lower() in ALL_SUFFIXES and can_decode(path):
                files.append(path)
            else:
                left_out[path.suffix.lower()] += 1
    return FoundAudio(sorted(files), dict(left_out))
