"""Audio files of any rate and channel count -> mono at 48 kHz."""

import errno
import io
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from teminal.find_audio import CURE, FFMPEG_SUFFIXES, can_decode, files_by_name, find_audio
from teminal.rendering import SAMPLING_RATE

LOUDEST = 1e4  # beyond it a float file holds something else than audio
BLOCK = 2**20  # bytes, and samples of all channels
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
    blocks, n_samples, sampling_rate = [np.zeros(0, np.float32)], 0, SAMPLING_RATE
    try:
        for block, sampling_rate in mono_blocks(audio):
            blocks.append(block)
            n_samples += len(block)
            if n_samples >= max_duration_s * sampling_rate:
                break
        n_samples = int(min(n_samples, max_duration_s * sampling_rate))
        waveform = np.concatenate(blocks)[:n_samples]
        is_empty = round(n_samples * SAMPLING_RATE / sampling_rate) == 0
        if is_empty or n_samples < min_duration_s * sampling_rate:
            if isinstance(audio, Path):
                with open(audio, "rb") as file:
                    _read_to_end(file)
            raise ValueError("empty audio" if is_empty else "truncated audio")
        return waveform if sampling_rate == SAMPLING_RATE else soxr.resample(waveform, sampling_rate, SAMPLING_RATE)
    except MemoryError as error:
        name = "audio" if isinstance(audio, bytes) else str(audio)
        raise OSError(errno.ENOMEM, "not enough memory to decode it", name) from error


def mono_blocks(audio: Path | bytes) -> Iterator[tuple[np.ndarray, int]]:
    """(samples,) fp32 mono, block after block of some seconds, and their sampling rate.

    Raises:
        ValueError, OSError: as [`read_audio`] does.
    """
    with io.BytesIO(audio) if isinstance(audio, bytes) else _opened(audio) as file:
        suffix = "" if isinstance(audio, bytes) else audio.suffix.lower()
        read = ffmpeg_blocks if suffix in FFMPEG_SUFFIXES else _libsndfile_blocks
        try:
            for block, sampling_rate in read(file):
                if not np.isfinite(block).all():
                    raise ValueError("samples that are not finite")
                if np.abs(block).max() > LOUDEST:
                    raise ValueError("samples far outside [-1, 1]")
                yield block.mean(1), sampling_rate
        except ValueError:
            _read_to_end(file)
            raise


def _read_to_end(file: BinaryIO) -> None:
    """Raise an OSError where it is the system that cannot read a file."""
    file.seek(0)
    while file.read(BLOCK):
        pass


def _opened(path: Path) -> BinaryIO:
    try:
        path.stat()
    except OSError as error:
        if error.errno not in GONE:
            raise
        raise ValueError("missing file") from error
    if not path.is_file():
        raise ValueError("missing file")
    if not can_decode(path):
        raise ValueError(f"{path.suffix.lower()} file; {CURE}")
    return open(path, "rb")


def _libsndfile_blocks(file: BinaryIO) -> Iterator[tuple[np.ndarray, int]]:
    """(samples, channels) fp32, and their rate; what a damaged header promises is never allocated."""
    try:
        with soundfile.SoundFile(file) as sound:
            size = max(1, BLOCK // sound.channels)
            while len(block := sound.read(size, dtype="float32", always_2d=True)):
                yield block, sound.samplerate
    except soundfile.LibsndfileError as error:
        raise ValueError("unreadable audio") from error


def audio_files(folder: Path) -> dict[str, Path]:
    """[`files_by_name`] of the folder and what is below; a "Y" before a YouTube id may go.

    A warning counts what is left out.
    """
    found = find_audio(folder)
    if found.left_out:
        logger.warning("%s: left out %s", folder, found.describe_left_out())
    files = files_by_name(folder, found.files)
    return {name[1:]: path for name, path in files.items() if len(name) == 12 and name[0] == "Y"} | files


FRAMES = 500  # that are put together, of about 1,000 samples each


def ffmpeg_blocks(file: BinaryIO) -> Iterator[tuple[np.ndarray, int]]:
    """(samples, channels) fp32 of the first audio stream, block after block, and their rate.

    Raises:
        ValueError: it cannot be read; the message is the reason alone.
    """
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
