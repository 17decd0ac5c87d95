"""Log-mel features for CLAP in batched torch: the numbers of `ClapFeatureExtractor`, without its random crop."""

import contextlib

import torch
from torch.nn import functional as F
from transformers import BatchFeature, ClapFeatureExtractor
from transformers.utils import logging

from .waveform_teminal import as_clips, resample

logger = logging.get_logger(__name__)

CPU_FRAMES, GPU_FRAMES = 128, 2**16  # that are transformed at a time: a CPU is faster on what fits its cache


def without_autocast(device_type: str):
    """Entered on a thread of its own, autocast empties the cache of casts of the thread that trains, so only if on."""
    on = torch.is_autocast_enabled(device_type)
    return torch.autocast(device_type, enabled=False) if on else contextlib.nullcontext()


class TeminalFeatureExtractor(ClapFeatureExtractor):
    """Deterministic CLAP features; one clip's features never depend on the rest of its batch.

    Arguments and saved file are those of [`~transformers.ClapFeatureExtractor`], so that either class loads the
    other's `preprocessor_config.json`. Audio up to `max_length_s` is repeated and zero-padded as there. Longer audio
    gives evenly spaced windows, the first at the start and the last at the end, whose embeddings
    [`TeminalModel`] averages; `truncation="head"` keeps the first window alone.
    """

    def to_dict(self) -> dict:
        output = super().to_dict()
        output["feature_extractor_type"] = "ClapFeatureExtractor"
        return output

    def __call__(
        self,
        raw_speech,
        truncation: str | bool | None = None,
        padding: str | None = None,
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        **kwargs,
    ) -> BatchFeature:
        """Turn waveforms into features, on the device that they are on.

        Args:
            raw_speech: one waveform (samples,), a batch (B, samples) or (B, channels, samples), or a list of
                waveforms of any lengths, mono or with channels, which are mixed down; NumPy arrays, tensors or lists
                of floats in [-1, 1], or 16 or 32 bit PCM.
            truncation: `None` (windows) or `"head"`; `True` and `False`, which `ClapProcessor` hands on for its
                tokenizer, mean windows too.
            padding: accepted for `ClapProcessor`, which hands its tokenizer's `padding=True` on; the audio is
                always repeated and padded as the checkpoint's own `padding` says.
            sampling_rate: of `raw_speech`, Hz; `None` means the extractor's own. Another is resampled.
            return_tensors: accepted for `ClapProcessor`; the features are tensors either way unless `"np"`.

        Returns:
            `input_features` (W, channels, frames, mel bins) in dB and `is_longer` (W, 1), with W windows in all (one
            per clip up to `max_length_s`), and for longer audio `window_counts` (B,).

        Raises:
            ValueError: an unknown truncation or sampling rate, or a clip that is empty, not finite or of another type
                or shape.
        """
        if truncation not in (None, True, False, "head"):
            raise ValueError(f'truncation={truncation!r}: use None (averaged windows) or "head"')
        clips = as_clips(raw_speech)
        sampling_rate = self.sampling_rate if sampling_rate is None else int(sampling_rate)
        if sampling_rate < 1:
            raise ValueError(f"sampling_rate={sampling_rate}: must be at least 1 Hz")
        if sampling_rate != self.sampling_rate:
            logger.warning_once(f"audio is resampled from {sampling_rate} Hz to the model's {self.sampling_rate} Hz")

        together = {}  # clips of one length, but on a CPU one clip: what stays in its cache is faster
        for index, clip in enumerate(clips):
            together.setdefault(index if clip.device.type == "cpu" else len(clip), []).append(index)
        features = [None] * len(clips)
        for indices in together.values():
            waveforms = torch.stack([clips[index] for index in indices])
            if sampling_rate != self.sampling_rate:
                waveforms = resample(waveforms, sampling_rate, self.sampling_rate)
            windows = self._windows(waveforms, truncation)
            mel = self._log_mel(windows.flatten(0, 1))
            for index, clip_features in zip(indices, mel.split(windows.shape[1]), strict=True):
                features[index] = clip_features

        counts = [len(clip_features) for clip_features in features]
        features = torch.cat(features)
        if not torch.isfinite(features).all():
            window = int((~torch.isfinite(features)).nonzero()[0, 0])
            clip = int((torch.tensor(counts).cumsum(0) <= window).sum())
            raise ValueError(f"clip {clip} holds values that are not finite")
        channels = 4 if self.truncation == "fusion" else 1
        features = features[:, None].expand(-1, channels, -1, -1)

        data = {"input_features": features, "is_longer": features.new_zeros((len(features), 1), dtype=torch.bool)}
        if len(features) != len(counts):
            data["window_counts"] = torch.tensor(counts, device=features.device)
        return BatchFeature(data, tensor_type="np" if return_tensors == "np" else None)

    def _windows(self, waveforms: torch.Tensor, truncation: str | bool | None) -> torch.Tensor:
        """(B, samples) -> (B, windows, `nb_max_samples`)."""
        size, n_samples = self.nb_max_samples, waveforms.shape[1]
        if n_samples < size:
            repeats = {"repeat": -(-size // n_samples), "repeatpad": size // n_samples, "pad": 1}[self.padding]
            waveforms = waveforms.repeat(1, repeats)[:, :size]
            return F.pad(waveforms, (0, size - waveforms.shape[1]))[:, None]
        if truncation == "head":
            return waveforms[:, None, :size]
        n_windows = -(-n_samples // size)
        starts = [round(index * (n_samples - size) / max(1, n_windows - 1)) for index in range(n_windows)]
        return torch.stack([waveforms[:, start : start + size] for start in starts], dim=1)

    def _log_mel(self, waveform: torch.Tensor) -> torch.Tensor:
        """(W, samples) -> (W, frames, mel bins), 10 log10 of the mel power, at least -100 dB."""
        device = waveform.device
        n_fft = self.fft_window_size
        filters = self.mel_filters if self.truncation == "fusion" else self.mel_filters_slaney
        n_bins = int(filters.any(1).nonzero()[0][-1]) + 1
        # one row for the real and one for the imaginary part of a bin: their squares are summed by the product
        filters = torch.as_tensor(filters[:n_bins], dtype=torch.float32, device=device).repeat_interleave(2, dim=0)
        # quiet bands beside loud ones drown in the rounding errors of an fp32 FFT, which the stock one has not either
        dtype = torch.float32 if device.type == "mps" else torch.float64
        window = torch.hann_window(n_fft, dtype=dtype, device=device)
        edge = n_fft // 2  # reflected by hand, for F.pad does it on one thread
        reflected = waveform[:, 1 : edge + 1].flip(1), waveform, waveform[:, -edge - 1 : -1].flip(1)
        padded = torch.cat(reflected, dim=1)
        frames = padded.unfold(1, n_fft, self.hop_length)
        mel = []
        n_frames = CPU_FRAMES if device.type == "cpu" else GPU_FRAMES
        for block in frames.split(max(1, n_frames // len(frames)), dim=1):
            spectrum = torch.fft.rfft(block * window)[..., :n_bins]
            power = torch.view_as_real(spectrum).flatten(2).float().square_()
            with without_autocast(device.type):
                mel.append(power @ filters)
        return 10 * torch.cat(mel, dim=1).clamp(min=1e-10).log10()


TeminalFeatureExtractor.register_for_auto_class()
