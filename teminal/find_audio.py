"""Find the audio files below a folder; what is left out is counted."""

import logging
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
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
HIDDEN = "hidden"  # counts as a suffix
CURE = "install PyAV to read them: pip install av"
logger = logging.getLogger("teminal")


def can_decode(path: Path) -> bool:
    """Whether the installed libraries read files of this suffix, or of one that is not known."""
    return path.suffix.lower() not in FFMPEG_SUFFIXES or find_spec("av") is not None


@dataclass(frozen=True)
class FoundAudio:
    """Audio files, sorted, how many others of each suffix there are, and in which folders they were looked for."""

    files: list[Path]
    left_out: dict[str, int]
    folders: list[Path]

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


def is_hidden(path: Path) -> bool:
    """Such as "._x.wav", which a Mac writes beside "x.wav"."""
    return path.name.startswith(".")


def find_audio(folder: Path) -> FoundAudio:
    """All audio files of a folder and below, linked folders too; each folder once, by its own path before a link.

    Hidden files and folders are left out.

    Raises:
        OSError: a folder cannot be read.
    """
    files, left_out, searched = [], Counter(), []
    seen, folders, linked = set(), [folder], []
    while folders or linked:
        here = folders.pop() if folders else linked.pop(0)
        if here.resolve() in seen:
            continue
        seen.add(here.resolve())
        searched.append(here)
        for path in sorted(here.iterdir()):
            if is_hidden(path):
                left_out[HIDDEN] += 1
            elif path.is_dir():
                (linked if path.is_symlink() else folders).append(path)
            elif path.suffix.lower() in ALL_SUFFIXES and can_decode(path):
                files.append(path)
            else:
                left_out[path.suffix.lower()] += 1
    return FoundAudio(sorted(files), dict(left_out), sorted(searched))


def files_by_name(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """[`plain_name`] -> audio file; of several the one whose suffix comes first in `ALL_SUFFIXES`, then by path.

    A warning counts the names that several files of `folder` have. What is hidden or no audio is passed over.
    """
    audio = [path for path in files if path.suffix.lower() in ALL_SUFFIXES and not is_hidden(path)]
    of_name: dict[str, list[Path]] = {}
    for path in sorted(audio, key=lambda path: (ALL_SUFFIXES.index(path.suffix.lower()), path)):
        of_name.setdefault(plain_name(path.stem), []).append(path)
    if shared := [paths for paths in of_name.values() if len(paths) > 1]:
        logger.warning(
            "%s: %d names have several files; of %s the first is taken",
            folder,
            len(shared),
            ", ".join(map(str, shared[0])),
        )
    return {name: paths[0] for name, paths in of_name.items()}
