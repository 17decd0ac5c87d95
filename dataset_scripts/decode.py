"""Audio files of any rate and channel count -> mono at 48 kHz."""

import errno
import io
import logging
import math
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from dataset_scripts.compose import SAMPLING_RATE
from dataset_scripts.ffmpeg import read_with_ffmpeg
from dataset_scripts.find_audio import CURE, FFMPEG_SUFFIXES, can_decode, find_audio, plain_name

LOUDEST = 1e4  # beyond it a float file holds something else than audio
BLOCK = 2**22  # bytes, and samples of all channels
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)

logger = logging.getLogger("teminal")


def read_audio(audio: Path | bytes, min_duration_s: float = 0.0, max_duration_s: float = math.inf) -> np.ndarray:
    """Decode the file at a path, or its bytes: (samples,) fp32 mono at 48 kHz, in [-1, 1]; of longer audio the first
    `max_duration_s`.

    Raises:
        ValueError: the audio is missing, unreadable, empty, not finite, no audio at all by its values or shorter than
            `min_duration_s`; the message is the reason alone.
        OSError: the system refuses to read it, or has no memory for it, which says nothing about the audio.
    """
    try:
        if isinstance(audio, bytes):
            return _decode(io.BytesIO(audio), "", min_duration_s, max_duration_s)
        return _read_file(audio, min_duration_s, max_duration_s)
    except MemoryError as error:
        name = "audio" if isinstance(audio, bytes) else str(audio)
        raise OSError(errno.ENOMEM, "not enough memory to decode it", name) from error


def _read_file(path: Path, min_duration_s: float, max_duration_s: float) -> np.ndarray:
    try:
        path.stat()
    except OSError as error:
        if error.errno not in GONE:
            raise
        raise ValueError("missing file") from error
    if not path.is_file():
        raise ValueError("missing file")
    suffix = path.suffix.lower()
    if not can_decode(path):
        raise ValueError(f"{suffix} file; {CURE}")
    try:
        return _decode(path, suffix, min_duration_s, max_duration_s)
    except ValueError:
        with open(path, "rb") as file:  # read to its end and judged again: no fault of the system then
            while file.read(BLOCK):
                pass
            file.seek(0)
            return _decode(file, suffix, min_duration_s, max_duration_s)


def _decode(file: Path | BinaryIO, suffix: str, min_duration_s: float, max_duration_s: float) -> np.ndarray:
    read = read_with_ffmpeg if suffix in FFMPEG_SUFFIXES else _read_with_libsndfile
    waveform, sampling_rate = read(file, max_duration_s)
    if round(len(waveform) * SAMPLING_RATE / sampling_rate) == 0:
        raise ValueError("empty audio")
    if not np.isfinite(waveform).all():
        raise ValueError("samples that are not finite")
    if len(waveform) < min_duration_s * sampling_rate:
        raise ValueError("truncated audio")
    if np.abs(waveform).max() > LOUDEST:
        raise ValueError("samples far outside [-1, 1]")
    return waveform if sampling_rate == SAMPLING_RATE else soxr.resample(waveform, sampling_rate, SAMPLING_RATE)


def _read_with_libsndfile(file: Path | BinaryIO, max_duration_s: float) -> tuple[np.ndarray, int]:
    """(samples,) fp32 mono and their rate, read in blocks: what a damaged header promises is never allocated."""
    try:
        with soundfile.SoundFile(file) as sound:
            n_left = sound.frames if max_duration_s == math.inf else int(max_duration_s * sound.samplerate)
            parts = [np.zeros(0, np.float32)]
            while n_left > 0:
                block = sound.read(min(n_left, BLOCK // sound.channels), dtype="float32", always_2d=True)
                if not len(block):
                    break
                parts.append(block.mean(1))
                n_left -= len(block)
            return np.concatenate(parts), sound.samplerate
    except soundfile.LibsndfileError as error:
        raise ValueError("unreadable audio") from error


def audio_files(folder: Path) -> dict[str, Path]:
    """[`plain_name`] -> audio file, in the folder and below; a "Y" before a YouTube id may go.

    A warning counts what is left out, and names that several files have.
    """
    found, by_name = find_audio(folder), {}
    for path in found.files:
        by_name.setdefault(plain_name(path.stem), []).append(path)
    if found.left_out:
        logger.warning("%s: left out %s", folder, found.describe_left_out())
    shared = [paths for paths in by_name.values() if len(paths) > 1]
    if shared:
        logger.warning("%s: %d names have several files; of %s the last is taken", folder, len(shared), *shared[:1])
    files = {name: paths[-1] for name, paths in by_name.items()}
    return {name[1:]: path for name, path in files.items() if len(name) == 12 and name[0] == "Y"} | files
