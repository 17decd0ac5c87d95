"""Random gain and SpecAugment masks on log-mel features (arXiv 1904.08779)."""

import torch

GAIN_DB = 6.0
MAX_MASKED_FRAMES = 0.1
MAX_MASKED_MELS = 8
N_MASKS = 2
N_RANDOM = 1 + 4 * N_MASKS


def augment(features: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Give features a random gain within 6 dB and masks at each clip's mean.

    Args:
        features: (B, channels, frames, mel bins) in dB.
        uniform: (B, N_RANDOM) in [0, 1), which decides both, so that the caller's seed does.
    """
    _, _, n_frames, n_mels = features.shape
    features = features + GAIN_DB * (2 * uniform[:, :1, None, None] - 1)
    fill = features.mean((2, 3), keepdim=True)
    for i in range(N_MASKS):
        frame_start, frame_share, mel_start, mel_share = uniform[:, 1 + 4 * i : 5 + 4 * i].T[..., None]
        frame_mask = _span(frame_start, frame_share * MAX_MASKED_FRAMES * n_frames, n_frames)
        mel_mask = _span(mel_start, mel_share * MAX_MASKED_MELS, n_mels)
        masked = frame_mask[:, None, :, None] | mel_mask[:, None, None, :]
        features = torch.where(masked, fill, features)
    return features


def _span(start: torch.Tensor, length: torch.Tensor, size: int) -> torch.Tensor:
    """(B, size) bool: a span of `length` (B, 1) that starts at the share `start` (B, 1) of where it may."""
    position = torch.arange(size, device=start.device)
    first = start * (size - length)
    return (position >= first) & (position < first + length)
