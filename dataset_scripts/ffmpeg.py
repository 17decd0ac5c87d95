"""Formats that libsndfile does not read, such as M4A, where PyAV is installed."""

from pathlib import Path
from typing import BinaryIO

import numpy as np


def read_with_ffmpeg(file: Path | BinaryIO, max_duration_s: float) -> tuple[np.ndarray, int]:
    """(samples,) fp32 mono of the first audio stream, and their rate.

    Raises:
        ValueError: it cannot be read; the message is the reason alone.
    """
    import av

    try:
        with av.open(str(file) if isinstance(file, Path) else file) as container:
            if not container.streams.audio:
                raise ValueError("no audio in it")
            stream = container.streams.audio[0]
            planar, sampling_rate = av.AudioResampler(format="fltp"), stream.rate
            parts, n_samples = [np.zeros(0, np.float32)], 0
            for frame in container.decode(stream):
                parts += [part.to_ndarray().mean(0) for part in planar.resample(frame)]
                n_samples += len(parts[-1])
                if n_samples >= max_duration_s * sampling_rate:
                    break
    except av.error.FFmpegError as error:
        raise ValueError("unreadable audio") from error
    waveform = np.concatenate(parts)
    return waveform[: int(min(len(waveform), max_duration_s * sampling_rate))], sampling_rate
