"""Formats that libsndfile does not read, such as M4A, where PyAV is installed."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

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
