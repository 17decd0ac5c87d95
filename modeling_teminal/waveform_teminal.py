"""Waveforms as people have them -> mono fp32 at the model's sampling rate."""

import math

import torch
from torch.nn import functional as F

EDGE_S = 0.01  # silence added behind a clip before its FFT, so that its end does not ring into its start


def as_clips(raw_speech) -> list[torch.Tensor]:
    """One mono fp32 tensor (samples,) per clip, on the device that it is on; PCM integers are scaled to [-1, 1).

    Args:
        raw_speech: one waveform (samples,), a batch (B, samples) or (B, channels, samples), or a list of waveforms
            (samples,), (channels, samples) or (samples, channels), whose shorter axis is that of the channels.

    Raises:
        ValueError: naming a clip that is empty, of another shape or of another type.
    """
    is_list = isinstance(raw_speech, (list, tuple))
    if not is_list or (raw_speech and torch.as_tensor(raw_speech[0]).ndim == 0):
        raw_speech = torch.as_tensor(raw_speech)
        raw_speech = raw_speech[None] if raw_speech.ndim == 1 else raw_speech
    if len(raw_speech) == 0:
        raise ValueError("raw_speech holds no clip")
    return [_as_mono(torch.as_tensor(clip), index) for index, clip in enumerate(raw_speech)]


def _as_mono(clip, index):
    if clip.numel() == 0:
        raise ValueError(f"clip {index} is empty")
    if clip.ndim not in (1, 2):
        raise ValueError(f"clip {index} must be (samples,) or (channels, samples), got {tuple(clip.shape)}")
    if not clip.is_floating_point() and clip.dtype not in (torch.int16, torch.int32):
        raise ValueError(f"clip {index} is {clip.dtype}: give floats in [-1, 1] or 16 or 32 bit PCM")
    if clip.dtype in (torch.int16, torch.int32):
        clip = clip / -torch.iinfo(clip.dtype).min
    if clip.ndim == 2:
        clip = clip.mean(int(clip.shape[0] > clip.shape[1]), dtype=torch.float32)
    return clip.to(torch.float32)


def resample(waveform: torch.Tensor, from_hz: int, to_hz: int) -> torch.Tensor:
    """(B, samples) -> (B, ceil(samples * to_hz / from_hz)), band-limited, by cutting or padding the spectrum."""
    common = math.gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    n_samples = waveform.shape[1]
    n_blocks = math.ceil((n_samples + EDGE_S * from_hz) / down)
    spectrum = torch.fft.rfft(F.pad(waveform, (0, n_blocks * down - n_samples)))
    resampled = torch.fft.irfft(spectrum, n=n_blocks * up) * (up / down)
    return resampled[:, : math.ceil(n_samples * up / down)]
