"""Place evenly spaced windows on a clip, and batch the windows of clips."""

import torch
from torch import nn
from torch.nn import functional as F

ABSENT_DB = -200.0  # pads clips that have fewer windows than others of the batch
LEAST_DB = -150.0  # lowest minimum of a real window: silence is -100 dB


def fill_window(waveforms: torch.Tensor, size: int, padding: str) -> torch.Tensor:
    """Fill a window, (B, fewer samples than `size`) -> (B, size), by repeating, zero-padding or both."""
    n_samples = waveforms.shape[1]
    repeats = {"repeat": -(-size // n_samples), "repeatpad": size // n_samples, "pad": 1}[padding]
    waveforms = waveforms.repeat(1, repeats)[:, :size]
    return F.pad(waveforms, (0, size - waveforms.shape[1]))


def longest_window(size: int, hop_length: int, is_fused: bool) -> int:
    """Get the samples of the longest clip that is one window.

    As in the stock class, a fused checkpoint does not cut a clip that is longer than `size` by less than a frame.
    """
    return (size // hop_length + 1) * hop_length - 1 if is_fused else size


def window_spans(n_samples: int, size: int, longest: int) -> list[slice]:
    """Place the fewest windows that cover a clip, evenly spaced from its start to its end.

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
    """Pad clips, each (windows * channels, frames, mel bins), to (B, most windows * channels, frames, mel bins)."""
    return nn.utils.rnn.pad_sequence(clips, batch_first=True, padding_value=ABSENT_DB)


def split_windows(input_features: torch.Tensor, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Split rows (B, windows * channels, frames, mel bins) into windows, clip after clip.

    Returns:
        Windows (W, channels, frames, mel bins), and the number of windows of each clip (B,). Windows added by
        [`pad_windows`] are left out; in a compiled graph, whose sizes must not depend on values, they come last,
        beyond what the numbers add up to.
    """
    rows = input_features.unflatten(1, (-1, channels))
    is_present = ~(rows.amin((2, 3, 4)) <= LEAST_DB)  # a window with NaN is kept: its embedding shows it
    counts = is_present.sum(1)
    if torch.compiler.is_compiling():
        return rows.flatten(0, 1)[is_present.flatten().int().argsort(descending=True, stable=True)], counts
    return rows[is_present], counts
