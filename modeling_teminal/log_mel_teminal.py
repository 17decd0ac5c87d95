"""Log-mel spectrograms in batched torch, on any device."""

import contextlib

import torch

CPU_FRAMES, GPU_FRAMES = 128, 2**16  # that are transformed at a time: a CPU is faster on what fits its cache


def without_autocast(device_type: str):
    """Entered on a thread of its own, autocast empties the cache of casts of the thread that trains, so only if on."""
    on = torch.is_autocast_enabled(device_type)
    return torch.autocast(device_type, enabled=False) if on else contextlib.nullcontext()


def fft_dtype(device: torch.device) -> torch.dtype:
    """fp64 where every device has it: quiet bands beside loud ones drown in the rounding errors of an fp32 FFT."""
    return torch.float64 if device.type in ("cpu", "cuda") else torch.float32


def log_mel(waveforms: torch.Tensor, mel_filters, n_fft: int, hop_length: int) -> torch.Tensor:
    """Hann-windowed, centred, reflected at the edges, as `transformers.audio_utils.spectrogram` has it.

    Args:
        waveforms: (W, samples) fp32, more samples than `n_fft / 2`.
        mel_filters: array (n_fft / 2 + 1, mel bins), as from `transformers.audio_utils.mel_filter_bank`.
        n_fft: samples of a frame.
        hop_length: samples from one frame to the next.

    Returns:
        (W, samples // hop_length + 1, mel bins) fp32, 10 log10 of the mel power, at least -100 dB.
    """
    device = waveforms.device
    if device.type == "cpu" and len(waveforms) > 1:  # one by one: a product of other rows may round otherwise
        return torch.cat([log_mel(waveform[None], mel_filters, n_fft, hop_length) for waveform in waveforms])
    filters = torch.from_numpy(mel_filters.astype("float32"))
    n_bins = int(filters.any(1).nonzero()[-1]) + 1
    # one row for the real and one for the imaginary part of a bin: their squares are summed by the product
    filters = filters[:n_bins].to(device).repeat_interleave(2, dim=0)
    window = torch.hann_window(n_fft, dtype=fft_dtype(device), device=device)
    edge = n_fft // 2  # reflected by hand, for F.pad does it on one thread
    reflected = waveforms[:, 1 : edge + 1].flip(1), waveforms, waveforms[:, -edge - 1 : -1].flip(1)
    frames = torch.cat(reflected, dim=1).unfold(1, n_fft, hop_length)
    mel = []
    n_frames = CPU_FRAMES if device.type == "cpu" else GPU_FRAMES
    for block in frames.split(max(1, n_frames // len(frames)), dim=1):
        spectrum = torch.fft.rfft(block * window)[..., :n_bins]
        power = torch.view_as_real(spectrum).flatten(2).float().square_()
        with without_autocast(device.type):
            mel.append(power @ filters)
    return 10 * torch.cat(mel, dim=1).clamp(min=1e-10).log10()
