"""Find, decode and resample audio files of any format, rate and channel count to mono at 48 kHz."""

import io
import logging
import math
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from teminal.rendering import SAMPLING_RATE

LIBSNDFILE = "wav flac ogg mp3 opus oga aiff aif aifc wave w64 rf64 caf au snd voc sph"
FFMPEG = "m4a mp4 aac webm weba mka wma mp2 m4b amr ac3 3gp wv ape"  # needs PyAV
AUDIO_SUFFIXES = tuple(f".{name}" for name in LIBSNDFILE.split())
FFMPEG_SUFFIXES = tuple(f".{name}" for name in FFMPEG.split())
ALL_SUFFIXES = AUDIO_SUFFIXES + FFMPEG_SUFFIXES
INSTALL_PYAV = "install PyAV to read them: pip install av"
LOUDEST = 1e4  # a float file with larger values does not hold audio
BLOCK = 2**20  # bytes read at a time, and samples of all channels decoded at a time
FRAMES = 500  # FFmpeg frames, of about 1,000 samples each, decoded at a time

logger = logging.getLogger("teminal")


def read_audio(audio: Path | bytes, min_duration_s: float = 0.0, max_duration_s: float = math.inf) -> np.ndarray:
    """Decode a file, given by path or as bytes, to (samples,) fp32 mono at 48 kHz in [-1, 1].

    Args:
        max_duration_s: longer audio is cut to this.

    Raises:
        ValueError: the audio is missing, unreadable, empty, not finite, far outside [-1, 1] or shorter than
            `min_duration_s`; the message is the reason.
        OSError: the file cannot be read, for a reason other than its content.
    """
    blocks, n_samples, sampling_rate = [np.zeros(0, np.float32)], 0, SAMPLING_RATE
    for block, sampling_rate in stream_audio(audio):
        blocks.append(block)
        n_samples += len(block)
        if n_samples >= max_duration_s * sampling_rate:
            break
    n_samples = int(min(n_samples, max_duration_s * sampling_rate))
    is_empty = round(n_samples * SAMPLING_RATE / sampling_rate) == 0
    if is_empty or n_samples < min_duration_s * sampling_rate:
        if isinstance(audio, Path):
            with open(audio, "rb") as file:
                _read_to_end(file)
        raise ValueError("empty audio" if is_empty else "truncated audio")
    return resample(np.concatenate(blocks)[:n_samples], sampling_rate, SAMPLING_RATE)


def resample(waveform: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Resample (samples,) to another sampling rate; fp32."""
    waveform = np.asarray(waveform, np.float32)
    return waveform if from_hz == to_hz else soxr.resample(waveform, from_hz, to_hz)


def resample_blocks(blocks: Iterable[np.ndarray], from_hz: int, to_hz: int) -> Iterator[np.ndarray]:
    """Resample consecutive blocks (samples,) fp32; their concatenation equals [`resample`] of the whole."""
    if from_hz == to_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def stream_audio(audio: Path | bytes) -> Iterator[tuple[np.ndarray, int]]:
    """Decode block by block: (samples,) fp32 mono, and the sampling rate in Hz.

    Raises:
        ValueError, OSError: see [`read_audio`].
    """
    if isinstance(audio, Path) and not audio.is_file():
        raise ValueError("missing file")
    if isinstance(audio, Path) and not can_decode(audio):
        raise ValueError(f"{audio.suffix.lower()} file; {INSTALL_PYAV}")
    with io.BytesIO(audio) if isinstance(audio, bytes) else open(audio, "rb") as file:
        is_for_ffmpeg = isinstance(audio, Path) and audio.suffix.lower() in FFMPEG_SUFFIXES
        try:
            for block, sampling_rate in _ffmpeg_blocks(file) if is_for_ffmpeg else _libsndfile_blocks(file):
                if not np.isfinite(block).all():
                    raise ValueError("samples that are not finite")
                if np.abs(block).max() > LOUDEST:
                    raise ValueError("samples far outside [-1, 1]")
                yield block.mean(1), sampling_rate
        except ValueError:
            _read_to_end(file)
            raise


def _read_to_end(file: BinaryIO) -> None:
    """Raise an OSError if the disk is at fault, and not the audio."""
    file.seek(0)
    while file.read(BLOCK):
        pass


def _libsndfile_blocks(file: BinaryIO) -> Iterator[tuple[np.ndarray, int]]:
    """Decode blocks (samples, channels) fp32, and their sampling rate.

    Blocks are of fixed size, because a damaged header may claim any length.
    """
    try:
        with soundfile.SoundFile(file) as sound:
            size = max(1, BLOCK // sound.channels)
            while len(block := sound.read(size, dtype="float32", always_2d=True)):
                yield block, sound.samplerate
    except soundfile.LibsndfileError as error:
        raise ValueError("unreadable audio") from error


def _ffmpeg_blocks(file: BinaryIO) -> Iterator[tuple[np.ndarray, int]]:
    """Decode blocks (samples, channels) fp32 of the first audio stream, and their sampling rate."""
    import av

    try:
        with av.open(file) as container:
            if not container.streams.audio:
                raise ValueError("no audio in it")
            stream = container.streams.audio[0]
            planar, parts = av.AudioResampler(format="fltp"), []
            for frame in container.decode(stream):
                parts += [part.to_ndarray().T for part in planar.resample(frame)]
                if len(parts) >= FRAMES:
                    yield np.concatenate(parts), stream.rate
                    parts = []
            if parts:
                yield np.concatenate(parts), stream.rate
    except av.error.FFmpegError as error:
        raise ValueError("unreadable audio") from error


def can_decode(path: Path) -> bool:
    """Tell whether the libraries that read files of this suffix are installed."""
    return path.suffix.lower() not in FFMPEG_SUFFIXES or find_spec("av") is not None


@dataclass(frozen=True)
class FoundAudio:
    """Sorted audio files, number of other files by suffix (or "hidden"), and the folders that were searched."""

    files: list[Path]
    left_out: dict[str, int]
    folders: list[Path]

    def describe_left_out(self) -> str:
        """List the other files, such as "2 .m4a (install PyAV to read them: pip install av), 1 .txt"."""
        parts = []
        for suffix, count in sorted(self.left_out.items()):
            cure = f" ({INSTALL_PYAV})" if suffix in FFMPEG_SUFFIXES else ""
            parts.append(f"{count} {suffix or 'without suffix'}{cure}")
        return ", ".join(parts)


def find_audio(folder: Path) -> FoundAudio:
    """Find all audio files of a folder and its sub-folders, except hidden ones such as "._x.wav" of a Mac.

    Links to folders are followed; each folder is searched once, by its own path if it has one inside `folder`.

    Raises:
        OSError: a folder cannot be read.
    """
    files: list[Path] = []
    left_out: Counter[str] = Counter()
    folders, linked, searched = [folder], list[Path](), dict[Path, Path]()
    while folders or linked:
        here = folders.pop() if folders else linked.pop(0)
        if here.resolve() in searched:
            continue
        searched[here.resolve()] = here
        for path in sorted(here.iterdir()):
            if path.name.startswith("."):
                left_out["hidden"] += 1
            elif path.is_dir():
                (linked if path.is_symlink() else folders).append(path)
            elif path.suffix.lower() in ALL_SUFFIXES and can_decode(path):
                files.append(path)
            else:
                left_out[path.suffix.lower()] += 1
    return FoundAudio(sorted(files), dict(left_out), sorted(searched.values()))


def find_audio_by_name(folder: Path) -> dict[str, Path]:
    """Map names to the audio files of a folder and its sub-folders, see [`map_files_by_name`]; warn of other files."""
    found = find_audio(folder)
    if found.left_out:
        logger.warning("%s: left out %s", folder, found.describe_left_out())
    return map_files_by_name(folder, found.files)


def map_files_by_name(folder: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Map the [`normalize_name`] of each audio file to its path; files that are hidden or no audio are ignored.

    If several files have one name, warn and take the one whose suffix comes first in `ALL_SUFFIXES`.
    """
    audio = [path for path in files if path.suffix.lower() in ALL_SUFFIXES and not path.name.startswith(".")]
    named: dict[str, list[Path]] = {}
    for path in sorted(audio, key=lambda path: (ALL_SUFFIXES.index(path.suffix.lower()), path)):
        named.setdefault(normalize_name(path.stem), []).append(path)
    if shared := [paths for paths in named.values() if len(paths) > 1]:
        example = ", ".join(map(str, shared[0]))
        logger.warning("%s: %d names have several files; of %s the first is taken", folder, len(shared), example)
    return {name: paths[0] for name, paths in named.items()}


def normalize_name(stem: str) -> str:
    """Normalize the accents (NFC) of a file name without suffix, and strip spaces around it."""
    return unicodedata.normalize("NFC", stem).strip()


def printable(name: str) -> str:
    """Escape the bytes of a file name that are not UTF-8 as \\xNN, to store it as text."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
