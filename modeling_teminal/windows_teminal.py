"""Fill windows of short clips, and batch the windows of clips."""

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
