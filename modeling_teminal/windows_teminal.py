"""Windows of one length of clips of any length, and clips of any number of windows in one batch."""

import torch
from torch import nn
from torch.nn import functional as F

ABSENT_DB = -200.0  # fills the windows that a clip of a batch has not
LEAST_DB = -150.0  # of a window that is there: silence is -100 dB


def fill_window(waveforms: torch.Tensor, size: int, padding: str) -> torch.Tensor:
    """(B, fewer samples than `size`) -> (B, size), repeated, padded or both."""
    n_samples = waveforms.shape[1]
    repeats = {"repeat": -(-size // n_samples), "repeatpad": size // n_samples, "pad": 1}[padding]
    waveforms = waveforms.repeat(1, repeats)[:, :size]
    return F.pad(waveforms, (0, size - waveforms.shape[1]))


def longest_window(size: int, hop_length: int, is_fused: bool) -> int:
    """Samples of the longest clip that is one window.

    As in the stock class, a fused checkpoint takes whole what is longer than `size` by less than a frame.
    """
    return (size // hop_length + 1) * hop_length - 1 if is_fused else size


def window_spans(n_samples: int, size: int, longest: int) -> list[slice]:
    """The samples of each window of a clip: as few as hold them all, evenly spaced from the start to the end.

    Args:
        size: samples of a window.
        longest: samples of the longest clip that is one window, at least `size`; see [`longest_window`].
    """
    if n_samples <= longest:
        return [slice(0, n_samples)]
    n_windows = -(-n_samples // size)
    starts = [round(index * (n_samples - size) / (n_windows - 1)) for index in range(n_windows)]
    return [slice(start, start + size) for start in starts]


def pad_windows(clips: list[torch.Tensor]) -> torch.Tensor:
    """B times (windows * channels, frames, mel bins), of any numbers of windows -> (B, most, frames, mel bins)."""
    return nn.utils.rnn.pad_sequence(clips, batch_first=True, padding_value=ABSENT_DB)


def split_windows(input_features: torch.Tensor, channels: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B, windows * channels, frames, mel bins) -> the windows one clip after the other.

    Returns:
        (W, channels, frames, mel bins) of all windows, (W,) 1, or 0 for what [`pad_windows`] has filled, and (B,) how
        many each clip has. What is filled is among them only in a graph, whose sizes must not hang on values.
    """
    rows = input_features.unflatten(1, (-1, channels))
    is_present = ~(rows.amin((2, 3, 4)) <= LEAST_DB)  # a window with NaN is there, and its embedding shows it
    if torch.compiler.is_compiling():
        counts = torch.full(rows.shape[:1], rows.shape[1], device=rows.device)
        return rows.flatten(0, 1), is_present.flatten().to(rows.dtype), counts
    windows = rows[is_present]
    return windows, windows.new_ones(len(windows)), is_present.sum(1)


def average_windows(embeds: torch.Tensor, window_counts: torch.Tensor) -> torch.Tensor:
    """Embeddings (W, D) of all windows and (B,) how many each clip has -> (B, D), L2-normalised means.

    Raises:
        ValueError: the counts do not add up to W.
    """
    n_windows, n_clips = embeds.shape[0], window_counts.shape[0]  # `len` would fix both in an exported graph
    ends = window_counts.cumsum(0)
    if not torch.compiler.is_compiling() and ends[-1] != n_windows:
        raise ValueError(f"window_counts adds up to {int(ends[-1])} windows, input_features has {n_windows}")
    clip = (torch.arange(n_windows, device=embeds.device)[:, None] >= ends).sum(1)
    summed = embeds.new_zeros(n_clips, embeds.shape[1]).index_add(0, clip, embeds)
    return F.normalize(summed, dim=-1)
