"""Log-mel features for CLAP in batched torch: the numbers of `ClapFeatureExtractor`, without its random crop."""

import numpy as np
import torch
from torch.nn import functional as F
from transformers import BatchFeature, ClapFeatureExtractor

CPU_CHUNK = 4  # windows per STFT on a CPU: spectra that stay in the cache are two to three times as fast


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
            raw_speech: one mono waveform (samples,), a batch (B, samples), or a list of waveforms of any lengths;
                NumPy arrays, tensors or lists of floats in [-1, 1].
            truncation: `None` (windows) or `"head"`; `True` and `False`, which `ClapProcessor` hands on for its
                tokenizer, mean windows too.
            padding: accepted for `ClapProcessor`, which hands its tokenizer's `padding=True` on; the audio is
                always repeated and padded as the checkpoint's own `padding` says.
            sampling_rate: of `raw_speech`, Hz; must be the extractor's.
            return_tensors: accepted for `ClapProcessor`; the features are tensors either way unless `"np"`.

        Returns:
            `input_features` (W, channels, frames, mel bins) in dB and `is_longer` (W, 1), with W windows in all (one
            per clip up to `max_length_s`), and for longer audio `window_counts` (B,).

        Raises:
            ValueError: another sampling rate, or a clip that is empty, not mono or not finite.
        """
        if sampling_rate is not None and sampling_rate != self.sampling_rate:
            raise ValueError(f"sampling_rate={sampling_rate}: resample the audio to {self.sampling_rate} Hz first")
        if truncation not in (None, True, False, "head"):
            raise ValueError(f'truncation={truncation!r}: use None (averaged windows) or "head"')

        windows = [self._windows(clip, truncation) for clip in _as_clips(raw_speech)]
        counts = [len(clip_windows) for clip_windows in windows]
        windows = [window for clip_windows in windows for window in clip_windows]
        chunk = CPU_CHUNK if windows[0].device.type == "cpu" else len(windows)
        features = torch.cat(
            [self._log_mel(torch.stack(windows[start : start + chunk])) for start in range(0, len(windows), chunk)]
        )
        if not torch.isfinite(features).all():
            clip = np.repeat(np.arange(len(counts)), counts)[int((~torch.isfinite(features)).nonzero()[0, 0])]
            raise ValueError(f"clip {clip} holds values that are not finite")
        channels = 4 if self.truncation == "fusion" else 1
        features = features[:, None].expand(-1, channels, -1, -1)

        data = {"input_features": features, "is_longer": features.new_zeros((len(features), 1), dtype=torch.bool)}
        if len(features) != len(counts):
            data["window_counts"] = torch.tensor(counts, device=features.device)
        return BatchFeature(data, tensor_type="np" if return_tensors == "np" else None)

    def _windows(self, clip: torch.Tensor, truncation: str | None) -> list[torch.Tensor]:
        """One clip -> its windows of `nb_max_samples`, views where they can be."""
        size = self.nb_max_samples
        if len(clip) < size:
            repeats = {"repeat": -(-size // len(clip)), "repeatpad": size // len(clip), "pad": 1}[self.padding]
            clip = clip.repeat(repeats)[:size]
            return [F.pad(clip, (0, size - len(clip)))]
        if truncation == "head":
            return [clip[:size]]
        starts = np.linspace(0, len(clip) - size, -(-len(clip) // size)).round().astype(int)
        return [clip[start : start + size] for start in starts]

    def _log_mel(self, waveform: torch.Tensor) -> torch.Tensor:
        """(W, samples) -> (W, frames, mel bins), 10 log10 of the mel power, at least -100 dB."""
        n_fft = self.fft_window_size
        filters = self.mel_filters if self.truncation == "fusion" else self.mel_filters_slaney
        n_bins = int(np.flatnonzero(filters.any(1))[-1]) + 1
        filters = torch.as_tensor(filters[:n_bins], dtype=waveform.dtype, device=waveform.device)
        window = torch.hann_window(n_fft, device=waveform.device)
        padded = F.pad(waveform[:, None], (n_fft // 2, n_fft // 2), mode="reflect")[:, 0]
        spectrum = torch.fft.rfft(padded.unfold(1, n_fft, self.hop_length) * window)[..., :n_bins]
        power = spectrum.real.square() + spectrum.imag.square()
        with torch.autocast(power.device.type, enabled=False):
            mel = power @ filters
        return 10 * mel.clamp(min=1e-10).log10()


def _as_clips(raw_speech) -> list[torch.Tensor]:
    """One fp32 tensor per clip, checked."""
    if isinstance(raw_speech, (list, tuple)) and len(raw_speech) > 0 and np.ndim(raw_speech[0]) == 0:
        raw_speech = torch.as_tensor(raw_speech)
    if isinstance(raw_speech, (np.ndarray, torch.Tensor)) and raw_speech.ndim == 1:
        raw_speech = raw_speech[None]
    clips = [torch.as_tensor(clip).to(torch.float32) for clip in raw_speech]
    if not clips:
        raise ValueError("raw_speech holds no clip")
    for index, clip in enumerate(clips):
        if clip.ndim != 1 or len(clip) == 0:
            raise ValueError(f"clip {index} must be mono audio of shape (samples,), got {tuple(clip.shape)}")
    return clips


TeminalFeatureExtractor.register_for_auto_class()
