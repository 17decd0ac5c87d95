"""Convert waveforms of any kind to mono fp32, resample them, and compute log-mel spectrograms, on any device."""

import contextlib
import math

import torch
from torch.nn import functional as F

CPU_FRAMES, GPU_FRAMES = 128, 2**16  # transformed at a time: on a CPU they fit its cache
EDGE_S = 0.01  # silence added to a clip before its FFT, so that its end does not ring into its start


def as_clips(raw_speech) -> list[torch.Tensor]:
    """Convert each clip to mono fp32 (samples,), on its own device; PCM integers are scaled to [-1, 1).

    Args:
        raw_speech: one waveform (samples,), a batch (B, samples) or (B, channels, samples), or a list of waveforms
            (samples,), (channels, samples) or (samples, channels); the shorter axis is the channels.

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
    """Resample (B, samples) to (B, ceil(samples * to_hz / from_hz)) by cutting or padding the spectrum."""
    common = math.gcd(from_hz, to_hz)
    up, down = to_hz // common, from_hz // common
    n_samples = waveform.shape[1]
    n_blocks = math.ceil((n_samples + EDGE_S * from_hz) / down)
    spectrum = torch.fft.rfft(F.pad(waveform, (0, n_blocks * down - n_samples)))
    resampled = torch.fft.irfft(spectrum, n=n_blocks * up) * (up / down)
    return resampled[:, : math.ceil(n_samples * up / down)]


def without_autocast(device_type: str):
    """Turn autocast off if it is on; entering it for nothing in a thread empties the cache of other threads."""
    on = torch.is_autocast_enabled(device_type)
    return torch.autocast(device_type, enabled=False) if on else contextlib.nullcontext()


def fft_dtype(device: torch.device) -> torch.dtype:
    """Choose fp64 where the device has it: in fp32, rounding errors of loud bands drown quiet ones."""
    return torch.float64 if device.type in ("cpu", "cuda") else torch.float32


def log_mel(waveforms: torch.Tensor, mel_filters, n_fft: int, hop_length: int) -> torch.Tensor:
    """Compute log-mel spectrograms as `transformers.audio_utils.spectrogram` does: Hann window, reflected edges.

    Args:
        waveforms: (W, samples) fp32, more samples than `n_fft / 2`.
        mel_filters: array (n_fft / 2 + 1, mel bins), as from `transformers.audio_utils.mel_filter_bank`.
        n_fft: samples of a frame.
        hop_length: samples from one frame to the next.

    Returns:
        (W, samples // hop_length + 1, mel bins) fp32, 10 log10 of the mel power, at least -100 dB.
    """
    device = waveforms.device
    if device.type == "cpu" and len(waveforms) > 1:  # one by one: rounding depends on the rows of a product
        return torch.cat([log_mel(waveform[None], mel_filters, n_fft, hop_length) for waveform in waveforms])
    filters = torch.from_numpy(mel_filters.astype("float32"))
    n_bins = int(filters.any(1).nonzero()[-1]) + 1
    # two rows per bin, for its real and imaginary part: the product sums their squares
    filters = filters[:n_bins].to(device).repeat_interleave(2, dim=0)
    window = torch.hann_window(n_fft, dtype=fft_dtype(device), device=device)
    edge = n_fft // 2  # reflected by hand, because F.pad uses one thread
    reflected = waveforms[:, 1 : edge + 1].flip(1), waveforms, waveforms[:, -edge - 1 : -1].flip(1)
    frames = torch.cat(reflected, dim=1).unfold(1, n_fft, hop_length)
    mel = []
    n_frames = CPU_FRAMES if device.type == "cpu" else GPU_FRAMES
    for block in frames.split(max(1, n_frames // len(frames)), dim=1):
        spectrum = torch.fft.rfft(block.to(window.dtype) * window)[..., :n_bins]
        power = torch.view_as_real(spectrum).flatten(2).float().square_()
        with without_autocast(device.type):
            mel.append(power @ filters)
    return 10 * torch.cat(mel, dim=1).clamp(min=1e-10).log10()
