"""Cut clips of any length into windows and embed them, with only seconds of a long file in memory."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Union

import numpy as np

from modeling_teminal.spans_teminal import window_spans
from teminal.audio import read_audio, resample_blocks, stream_audio
from teminal.rendering import SAMPLING_RATE

if TYPE_CHECKING:
    import torch

BLOCK_S = 30  # of a long clip, decoded and resampled at a time
READ_AHEAD = 16  # clips decoded before they are embedded

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class LongFile:
    """An audio file to be decoded while its windows are embedded; `n_samples` mono at 48 kHz."""

    path: Path
    n_samples: int


Audio = Union[np.ndarray, "torch.Tensor", LongFile]


@dataclass(frozen=True)
class Window:
    """A window (samples,) of a clip at the model's rate; its clip, and how many windows and samples that has."""

    samples: np.ndarray
    clip: int
    n_windows: int
    n_samples: int

    def without_samples(self) -> "Window":
        """Forget the samples once they are encoded, so that a long clip does not stay in memory."""
        return replace(self, samples=self.samples[:0].copy())


def load_file(path: Path) -> np.ndarray | LongFile:
    """Decode a file to (samples,) fp32 mono at 48 kHz, or check a file longer than `BLOCK_S` and count its samples.

    Raises:
        ValueError, OSError: see [`read_audio`].
    """
    start = read_audio(path, max_duration_s=BLOCK_S)
    if len(start) < BLOCK_S * SAMPLING_RATE - 1:
        return start
    return LongFile(path, sum(map(len, decode_file(path))))  # the number in the header may be wrong


def decode_file(path: Path) -> Iterator[np.ndarray]:
    """Decode a file in blocks: the samples and errors of [`read_audio`]."""
    blocks = stream_audio(path)
    first, sampling_rate = next(blocks, (np.zeros(0, np.float32), SAMPLING_RATE))
    rest = (block for block, _ in blocks)
    return resample_blocks(itertools.chain([first], rest), sampling_rate, SAMPLING_RATE)


def cut_clips(
    clips: Iterable[Audio], sampling_rate: int, model_rate: int, size: int, longest: int | None = None
) -> Iterator[Window]:
    """Resample clips and cut each into evenly spaced windows (samples,) fp32 mono; a short clip is one window.

    Args:
        clips: each a [`LongFile`], or (samples,), (channels, samples) or (samples, channels), floats or PCM.
        sampling_rate: of the clips, Hz; a [`LongFile`] is at 48 kHz.
        model_rate: of the windows, Hz.
        size: samples of a window.
        longest: samples of the longest clip that is one window; default: `size`.

    Raises:
        ValueError: there is no clip, or a clip, which is named, is empty, not finite, or of another shape or type.
    """
    index = -1
    for index, clip in enumerate(clips):
        try:
            n_samples, resampled = resample_clip(clip, sampling_rate, model_rate)
            spans = window_spans(n_samples, size, longest or size)
            for samples in cut(resampled, spans):
                if not np.isfinite(samples).all():
                    raise ValueError("holds values that are not finite")
                yield Window(samples, index, len(spans), n_samples)
        except ValueError as error:
            raise ValueError(f"clip {index} {str(error).removeprefix('clip 0 ')}") from error
    if index < 0:
        raise ValueError("there is no clip to embed")


def resample_clip(clip: Audio, sampling_rate: int, model_rate: int) -> tuple[int, Iterator[np.ndarray]]:
    """Get the samples of a clip at the rate of the model: their number, and blocks of them."""
    if isinstance(clip, LongFile):
        n_samples, blocks, sampling_rate = clip.n_samples, decode_file(clip.path), SAMPLING_RATE
    else:
        mono, size = as_mono(clip), BLOCK_S * sampling_rate
        n_samples, blocks = len(mono), iter(mono[start : start + size] for start in range(0, len(mono), size))
    n_samples = (n_samples * model_rate + sampling_rate // 2) // sampling_rate  # as soxr rounds
    if n_samples == 0:
        raise ValueError("is empty")
    return n_samples, resample_blocks(blocks, sampling_rate, model_rate)


def as_mono(clip: Union[np.ndarray, "torch.Tensor"]) -> np.ndarray:
    """Convert a clip of any kind to (samples,) fp32; tensors, and what is no audio, need torch."""
    if (
        isinstance(clip, np.ndarray)
        and clip.ndim in (1, 2)
        and clip.dtype in (np.float32, np.float64, np.int16, np.int32)
    ):
        scaled = clip / -np.iinfo(clip.dtype).min if clip.dtype.kind == "i" else clip
        mono = scaled if clip.ndim == 1 else scaled.mean(int(clip.shape[0] > clip.shape[1]))
        return mono.astype(np.float32, copy=False)
    from modeling_teminal.waveform_teminal import as_clips

    (mono,) = as_clips([clip])
    return mono.cpu().numpy()


def cut(blocks: Iterator[np.ndarray], spans: Iterable[slice]) -> Iterator[np.ndarray]:
    """Cut windows out of a stream of blocks; spans are in order and may overlap."""
    held, held_from = np.zeros(0, np.float32), 0
    for span in spans:
        held, held_from = held[span.start - held_from :], span.start
        while len(held) < span.stop - span.start:
            held = np.concatenate([held, next(blocks)])
        yield held[: span.stop - span.start].copy()  # a view would keep all of `held` in memory


def count_windows_of_whole_clips(windows: list[Window]) -> int:
    """Count the windows up to the last clip that has all of its windows; only the last may lack some."""
    last = windows[-1]
    n_of_last = sum(window.clip == last.clip for window in windows)
    return len(windows) - (n_of_last if n_of_last < last.n_windows else 0)


def embed_windows(
    clips: Iterable[Audio],
    sampling_rate: int,
    embed: Callable[[list[np.ndarray]], np.ndarray],
    batch_size: int,
    *,
    model_rate: int,
    size: int,
) -> np.ndarray:
    """Embed clips of any lengths as averages of their windows' embeddings: (clips, D) fp32, L2-normalised.

    Args:
        embed: takes at most `batch_size` windows, returns (windows, D), L2-normalised.
        sampling_rate, model_rate, size: see [`cut_clips`].

    Raises:
        ValueError: see [`cut_clips`].
    """
    clip_of, embeds = [], []
    for batch in in_batches(cut_clips(clips, sampling_rate, model_rate, size), batch_size):
        clip_of += [window.clip for window in batch]
        embeds.append(embed([window.samples for window in batch]))
    summed = np.zeros((clip_of[-1] + 1, embeds[0].shape[1]), np.float32)
    np.add.at(summed, clip_of, np.concatenate(embeds))
    return summed / np.linalg.norm(summed, axis=1, keepdims=True)


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Split items into lists of `size`; the last may be shorter."""
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch


def read_ahead(read: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Call `read` on items in threads, `READ_AHEAD` ahead, and yield the results in order."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor() as pool:
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > READ_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
