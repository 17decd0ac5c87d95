"""Clips of any length as windows of what a model hears at once; of a long one only a few seconds are in memory."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch

from dataset_scripts.compose import SAMPLING_RATE
from dataset_scripts.decode import mono_blocks, read_audio
from modeling_teminal.waveform_teminal import as_clips, resample

BLOCK_S = 30  # of what is decoded, or resampled, at a time
RESAMPLED_WHOLE = 2**24  # samples of a clip in memory: six minutes at 48 kHz, 300 MB on the way
FADE_S = 5  # beside a block that is resampled, so that its ends do not ring into it


@dataclass(frozen=True)
class LongSound:
    """An audio file that is decoded as its windows are asked for, mono at 48 kHz, `n_samples` in all."""

    path: Path
    n_samples: int

    def blocks(self) -> Iterator[torch.Tensor]:
        return map(torch.from_numpy, decode_blocks(self.path))


def read_sound(path: Path) -> np.ndarray | LongSound:
    """A file decoded as by [`read_audio`], or one longer than `BLOCK_S` decoded once to see that all of it is sound.

    Raises:
        ValueError, OSError: as from [`read_audio`].
    """
    start = read_audio(path, max_duration_s=BLOCK_S)
    if len(start) < BLOCK_S * SAMPLING_RATE - 1:
        return start
    return LongSound(path, sum(map(len, decode_blocks(path))))  # not as the header says, which may be wrong


def decode_blocks(path: Path) -> Iterator[np.ndarray]:
    """The samples that [`read_audio`] gives of the whole file, some after the other.

    Raises:
        ValueError, OSError: as from [`read_audio`].
    """
    stream = None
    for block, sampling_rate in mono_blocks(path):
        if sampling_rate == SAMPLING_RATE:
            yield block
            continue
        stream = stream or soxr.ResampleStream(sampling_rate, SAMPLING_RATE, 1, dtype="float32")
        yield stream.resample_chunk(block)
    if stream:
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def clip_windows(clip, sampling_rate: int, wanted: int, size: int) -> Iterator[torch.Tensor]:
    """Windows (size,) fp32 mono at the rate `wanted`, those of [`TeminalFeatureExtractor`]; a shorter clip as it is.

    Args:
        clip: a [`LongSound`], or (samples,), (channels, samples) or (samples, channels), floats or PCM.
        sampling_rate: of the clip, Hz.
        size: samples of a window.

    Raises:
        ValueError: the clip is empty, not finite, of another shape or type.
    """
    if isinstance(clip, LongSound):
        n_samples, blocks = clip.n_samples, clip.blocks()
    else:
        clip = torch.as_tensor(clip)
        if clip.numel() == 0:
            raise ValueError("is empty")
        if clip.ndim == 2 and clip.shape[0] <= clip.shape[1]:
            clip = clip.T
        n_samples, blocks = -(-len(clip) * wanted // sampling_rate), resampled_blocks(clip, sampling_rate, wanted)
    for window in cut(blocks, n_samples, size):
        if not torch.isfinite(window).all():
            raise ValueError("holds values that are not finite")
        yield window


def cut(blocks: Iterable[torch.Tensor], n_samples: int, size: int) -> Iterator[torch.Tensor]:
    """Evenly spaced windows, the first at the start and the last at the end, of samples that come in blocks."""
    blocks, held, held_from = iter(blocks), torch.empty(0), 0
    n_windows = max(1, -(-n_samples // size))
    for number in range(n_windows):
        start = round(number * max(0, n_samples - size) / max(1, n_windows - 1))
        held, held_from = held[start - held_from :], start
        while len(held) < min(size, n_samples):
            held = torch.cat([held, next(blocks)])
        yield held[:size]


def resampled_blocks(clip: torch.Tensor, from_hz: int, to_hz: int) -> Iterator[torch.Tensor]:
    """A clip (samples,) or (samples, channels) -> mono fp32 at another rate, of a long one some seconds at a time.

    A block of a long one is resampled with faded seconds on either side, which are cut off again: embeddings are those
    of the whole within 1e-5, unless the clip is loud right below half of the lower rate.
    """
    n_samples, block, fade = len(clip), BLOCK_S * from_hz, FADE_S * from_hz
    if n_samples <= RESAMPLED_WHOLE:
        (mono,) = as_clips([clip])
        yield mono if from_hz == to_hz else resample(mono[None], from_hz, to_hz)[0]
        return
    rising = torch.sin(torch.linspace(0, torch.pi / 2, fade)) ** 2
    for start in range(0, n_samples, block):
        before = min(fade, start)
        (mono,) = as_clips([clip[start - before : start + block + fade]])
        if from_hz == to_hz:
            yield mono[before : before + block]
            continue
        mono = mono.clone()
        mono[:before] *= rising[:before]
        if start + block + fade <= n_samples:
            mono[-fade:] *= rising.flip(0)
        first = before // from_hz * to_hz
        yield resample(mono[None], from_hz, to_hz)[0, first : first + BLOCK_S * to_hz]


def in_batches(items: Iterable, size: int) -> Iterator[list]:
    """Lists of `size` items, the last one of the rest."""
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch
