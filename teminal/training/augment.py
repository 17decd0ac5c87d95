"""Augment log-mel features with a random gain and SpecAugment masks (arXiv 1904.08779)."""

from dataclasses import replace

import torch

from teminal.features import ClipFeatures

GAIN_DB = 6.0
MAX_MASKED_FRAMES = 0.1
MAX_MASKED_MELS = 8
N_MASKS = 2
N_RANDOM = 1 + 4 * N_MASKS


def augment(features: ClipFeatures, uniform: torch.Tensor) -> ClipFeatures:
    """Apply a random gain of up to 6 dB to each clip, and masks filled with the mean, the same in all its windows.

    Args:
        features: of B clips.
        uniform: (B, N_RANDOM) random numbers in [0, 1) that determine gain and masks.
    """
    clip = torch.arange(len(features)).repeat_interleave(features.window_counts)
    return replace(features, windows=augment_windows(features.windows, uniform[clip.to(uniform.device)]))


def augment_windows(features: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Apply gain and masks to windows (W, channels, frames, mel bins) in dB; `uniform` is (W, N_RANDOM)."""
    _, _, n_frames, n_mels = features.shape
    features = features + GAIN_DB * (2 * uniform[:, :1, None, None] - 1)
    fill = features.mean((2, 3), keepdim=True)
    for i in range(N_MASKS):
        frame_start, frame_share, mel_start, mel_share = uniform[:, 1 + 4 * i : 5 + 4 * i].T[..., None]
        frame_mask = _mark_span(frame_start, frame_share * MAX_MASKED_FRAMES * n_frames, n_frames)
        mel_mask = _mark_span(mel_start, mel_share * MAX_MASKED_MELS, n_mels)
        masked = frame_mask[:, None, :, None] | mel_mask[:, None, None, :]
        features = torch.where(masked, fill, features)
    return features


def _mark_span(start: torch.Tensor, length: torch.Tensor, size: int) -> torch.Tensor:
    """Mark a span of `length` (B, 1) in (B, size) bool; `start` (B, 1) in [0, 1) places it."""
    position = torch.arange(size, device=start.device)
    first = start * (size - length)
    return (position >= first) & (position < first + length)
