"""Clips of any length as windows of what a model hears at once; of a long one only a few seconds are in memory."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch

from modeling_teminal import TeminalFeatureExtractor
from modeling_teminal.waveform_teminal import as_clips, resample
from modeling_teminal.windows_teminal import longest_window, window_spans
from teminal.audio import read_audio, stream_audio
from teminal.rendering import SAMPLING_RATE

BLOCK_S = 30  # of what is decoded, or resampled, at a time
RESAMPLED_WHOLE = 2**24  # samples of a clip in memory: six minutes at 48 kHz, 300 MB on the way
FADE_S = 5  # beside a block that is resampled, so that its ends do not ring into it


@dataclass(frozen=True)
class LongSound:
    """An audio file that is decoded as its windows are asked for, mono, `n_samples` at `sampling_rate` in all."""

    path: Path
    n_samples: int
    sampling_rate: int

    def blocks(self) -> Iterator[torch.Tensor]:
        return map(torch.from_numpy, decode_blocks(self.path, self.sampling_rate))


def read_sound(path: Path, sampling_rate: int = SAMPLING_RATE) -> np.ndarray | LongSound:
    """A file decoded as by [`read_audio`], or one longer than `BLOCK_S` decoded once to see that all of it is sound.

    Args:
        sampling_rate: what a [`LongSound`] is decoded to, Hz: that of the model which is to hear it.

    Raises:
        ValueError, OSError: as from [`read_audio`].
    """
    start = read_audio(path, max_duration_s=BLOCK_S)
    if len(start) < BLOCK_S * SAMPLING_RATE - 1:
        return start
    n_samples = sum(map(len, decode_blocks(path, sampling_rate)))  # not as the header says, which may be wrong
    return LongSound(path, n_samples, sampling_rate)


def decode_blocks(path: Path, sampling_rate: int) -> Iterator[np.ndarray]:
    """The samples of the whole file, mono at `sampling_rate`, some after the other; at 48 kHz those of [`read_audio`].

    Raises:
        ValueError, OSError: as from [`read_audio`].
    """
    stream = None
    for block, own_rate in stream_audio(path):
        if own_rate == sampling_rate:
            yield block
            continue
        stream = stream or soxr.ResampleStream(own_rate, sampling_rate, 1, dtype="float32")
        yield stream.resample_chunk(block)
    if stream:
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def clip_windows(clip, sampling_rate: int, extractor: TeminalFeatureExtractor) -> Iterator[torch.Tensor]:
    """The windows that the extractor cuts a clip into, (samples,) fp32 mono at its rate; a shorter clip as it is.

    Args:
        clip: a [`LongSound`], or (samples,), (channels, samples) or (samples, channels), floats or PCM.
        sampling_rate: of the clip, Hz; a [`LongSound`] has its own.

    Raises:
        ValueError: the clip is empty, not finite, of another shape or type, or a [`LongSound`] of another rate than
            the extractor's.
    """
    wanted, size = extractor.sampling_rate, extractor.nb_max_samples
    if isinstance(clip, LongSound):
        if clip.sampling_rate != wanted:
            raise ValueError(f"is read at {clip.sampling_rate} Hz, but the model hears {wanted} Hz")
        n_samples, blocks = clip.n_samples, clip.blocks()
    else:
        clip = torch.as_tensor(clip)
        if clip.numel() == 0:
            raise ValueError("is empty")
        if clip.ndim == 2 and clip.shape[0] <= clip.shape[1]:
            clip = clip.T
        n_samples, blocks = -(-len(clip) * wanted // sampling_rate), resampled_blocks(clip, sampling_rate, wanted)
    longest = longest_window(size, extractor.hop_length, extractor.truncation == "fusion")
    for window in cut(blocks, window_spans(n_samples, size, longest)):
        if not torch.isfinite(window).all():
            raise ValueError("holds values that are not finite")
        yield window


def cut(blocks: Iterable[torch.Tensor], spans: list[slice]) -> Iterator[torch.Tensor]:
    """Windows, in their order, of samples that come in blocks."""
    blocks, held, held_from = iter(blocks), torch.empty(0), 0
    for span in spans:
        held, held_from = held[span.start - held_from :], span.start
        while len(held) < span.stop - span.start:
            held = torch.cat([held, next(blocks)])
        yield held[: span.stop - span.start]


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
