"""Random level, timbre, pitch and SpecAugment masks on log-mel features, against learning the clips by heart."""

import torch
from torch.nn import functional as F

GAIN_DB = 6.0
N_KNOTS = 4
MAX_SHIFT = 3
MAX_MASKED_FRAMES = 0.1
MAX_MASKED_MELS = 8
N_MASKS = 2
N_RANDOM = 1 + 4 * N_MASKS + N_KNOTS + 1


def augment(features: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Change features as another recording of the same sound would.

    A gain within 6 dB; a filter whose gain, within 6 dB too, is linear between four mel bins (FilterAugment, arXiv
    2110.03282); a shift by up to three mel bins; masks at each clip's mean (SpecAugment, arXiv 1904.08779).

    Args:
        features: (B, channels, frames, mel bins) in dB.
        uniform: (B, N_RANDOM) in [0, 1), which decides all of it, so that the caller's seed does.
    """
    _, _, n_frames, n_mels = features.shape
    gain, masks, knots, shift = uniform.split((1, 4 * N_MASKS, N_KNOTS, 1), dim=1)
    features = features + GAIN_DB * (2 * gain[:, :, None, None] - 1)
    knots = GAIN_DB * (2 * knots[:, None] - 1)
    features = features + F.interpolate(knots, n_mels, mode="linear", align_corners=True)[:, :, None]
    n_bins = (shift * (2 * MAX_SHIFT + 1)).long().clamp(max=2 * MAX_SHIFT) - MAX_SHIFT
    source = (torch.arange(n_mels, device=features.device) + n_bins).clamp(0, n_mels - 1)
    features = features.gather(3, source[:, None, None].expand_as(features))
    fill = features.mean((2, 3), keepdim=True)
    for mask in masks.split(4, dim=1):
        frame_start, frame_share, mel_start, mel_share = mask.T[..., None]
        frame_mask = _span(frame_start, frame_share * MAX_MASKED_FRAMES * n_frames, n_frames)
        mel_mask = _span(mel_start, mel_share * MAX_MASKED_MELS, n_mels)
        masked = frame_mask[:, None, :, None] | mel_mask[:, None, None, :]
        features = torch.where(masked, fill, features)
    return features


def _span(start, length, size):
    """(B, size) bool: a span of `length` (B, 1) that starts at the share `start` (B, 1) of where it may."""
    position = torch.arange(size, device=start.device)
    first = start * (size - length)
    return (position >= first) & (position < first + length)
