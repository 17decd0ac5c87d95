"""Formats that libsndfile does not read, such as M4A, where PyAV is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np


def read_with_ffmpeg(file: Path | BinaryIO, max_duration_s: float) -> tuple[np.ndarray, int]:
    """(samples,) fp32 mono of the first audio stream, and their rate.

    Raises:
        ValueError: it cannot be read; the message is the reason alone.
    """
    blocks = ffmpeg_blocks(file)
    first, sampling_rate = next(blocks, (np.zeros(0, np.float32), 1))
    parts, n_samples = [first], len(first)
    while n_samples < max_duration_s * sampling_rate and (block := next(blocks, None)):
        parts.append(block[0])
        n_samples += len(block[0])
    waveform = np.concatenate(parts)
    return waveform[: int(min(len(waveform), max_duration_s * sampling_rate))], sampling_rate


def ffmpeg_blocks(file: Path | BinaryIO) -> Iterator[tuple[np.ndarray, int]]:
    """The samples of [`read_with_ffmpeg`] and their rate, a little at a time."""
    import av

    try:
        with av.open(str(file) if isinstance(file, Path) else file) as container:
            if not container.streams.audio:
                raise ValueError("no audio in it")
            stream = container.streams.audio[0]
            planar = av.AudioResampler(format="fltp")
            for frame in container.decode(stream):
                for part in planar.resample(frame):
                    yield part.to_ndarray().mean(0), stream.rate
    except av.error.FFmpegError as error:
        raise ValueError("unreadable audio") from error
