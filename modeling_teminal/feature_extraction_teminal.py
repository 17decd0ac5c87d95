"""Log-mel features for CLAP in batched torch: the numbers of `ClapFeatureExtractor`, without its random crop."""

import torch
from transformers import BatchFeature, ClapFeatureExtractor
from transformers.utils import logging

from .log_mel_teminal import log_mel
from .waveform_teminal import as_clips, resample
from .windows_teminal import fill_window, longest_window, pad_windows, window_spans

logger = logging.get_logger(__name__)

PADDINGS = ("repeatpad", "repeat", "pad")
FOR_TOKENIZERS = (None, True, False, "longest", "max_length", "do_not_pad", "longest_first", "only_first")
# Saved as `truncation`: the stock class takes clips of one window as ever, and of longer ones says that this "is not
# implemented", where it would crop at random.
SAVED_TRUNCATION = "windows (trust_remote_code=True)"


class TeminalFeatureExtractor(ClapFeatureExtractor):
    """Deterministic CLAP features; one clip's features never depend on the rest of its batch.

    Arguments are those of [`~transformers.ClapFeatureExtractor`], and either class loads the other's
    `preprocessor_config.json`. Audio up to `max_length_s` is repeated and zero-padded as there. Longer audio gives
    evenly spaced windows, the first at the start and the last at the end, whose embeddings [`TeminalModel`] averages;
    the stock class, which would crop it at random, refuses it where it loads what this class saved.
    """

    def to_dict(self) -> dict:
        output = super().to_dict()
        output["feature_extractor_type"] = "ClapFeatureExtractor"
        if self.truncation != "fusion":
            output["truncation"] = SAVED_TRUNCATION
        return output

    def __call__(
        self,
        raw_speech,
        truncation: str | bool | None = None,
        padding: str | bool | None = None,
        max_length: int | None = None,
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        **kwargs,
    ) -> BatchFeature:
        """Turn waveforms into features, one row per clip, on the device that they are on.

        Args:
            raw_speech, truncation, padding, max_length, sampling_rate: see [`~TeminalFeatureExtractor.windows`].
            return_tensors: accepted for `ClapProcessor`; the features are tensors either way unless `"np"`.

        Returns:
            `input_features` (B, windows * channels, frames, mel bins) in dB, and `is_longer` (B, 1), False. The rows
            of clips with fewer windows than the longest end with `ABSENT_DB`, which [`TeminalModel`] leaves out.
            Without longer audio that is the stock class's (B, channels, frames, mel bins).

        Raises:
            ValueError: see [`~TeminalFeatureExtractor.windows`].
        """
        clips = self.windows(raw_speech, truncation, padding, max_length, sampling_rate)
        features = pad_windows([clip.flatten(0, 1) for clip in clips])
        data = {"input_features": features, "is_longer": features.new_zeros((len(features), 1), dtype=torch.bool)}
        return BatchFeature(data, tensor_type="np" if return_tensors == "np" else None)

    def windows(
        self,
        raw_speech,
        truncation: str | bool | None = None,
        padding: str | bool | None = None,
        max_length: int | None = None,
        sampling_rate: int | None = None,
    ) -> list[torch.Tensor]:
        """The features of each clip's windows, (windows, channels, frames, mel bins) in dB.

        Args:
            raw_speech: one waveform (samples,), a batch (B, samples) or (B, channels, samples), or a list of
                waveforms of any lengths, mono or with channels, which are mixed down; NumPy arrays, tensors or lists
                of floats in [-1, 1], or 16 or 32 bit PCM.
            truncation: which features, and what becomes of longer audio. `"rand_trunc"`: those of unfused
                checkpoints. `"fusion"`: those of fused ones, four equal channels a window. Either way nothing is
                random: longer audio gives windows. `"head"`: the first window alone. `None`, or what `ClapProcessor`
                hands on for its tokenizer: the checkpoint's own, in windows.
            padding: what becomes of shorter audio: `"repeatpad"`, `"repeat"` or `"pad"`, as in the stock class.
                `None`, or what `ClapProcessor` hands on for its tokenizer: the checkpoint's own.
            max_length: samples of a window, at the extractor's own sampling rate. `None`, or a number of tokens, which
                `ClapProcessor` hands on and is less than one frame: those of `max_length_s`.
            sampling_rate: of `raw_speech`, Hz; `None` means the extractor's own, with a warning. Another is resampled.

        Raises:
            ValueError: an unknown truncation, padding or sampling rate, or a clip that is empty, not finite or of
                another type or shape.
        """
        if truncation not in (*FOR_TOKENIZERS, "rand_trunc", "fusion", "head"):
            raise ValueError(f'truncation={truncation!r}: use None, "rand_trunc", "fusion" or "head"')
        if padding not in (*FOR_TOKENIZERS, *PADDINGS):
            raise ValueError(f"padding={padding!r}: use None or one of {', '.join(PADDINGS)}")
        clips = as_clips(raw_speech)
        sampling_rate = self._checked_rate(sampling_rate)
        size = max_length if max_length and max_length >= self.fft_window_size else self.nb_max_samples
        fused = (truncation if truncation in ("rand_trunc", "fusion") else self.truncation) == "fusion"
        filters = self.mel_filters if fused else self.mel_filters_slaney

        together = {}  # clips of one length, but on a CPU one clip: what stays in its cache is faster
        for index, clip in enumerate(clips):
            together.setdefault(index if clip.device.type == "cpu" else len(clip), []).append(index)
        features = [None] * len(clips)
        for indices in together.values():
            waveforms = torch.stack([clips[index] for index in indices])
            if sampling_rate != self.sampling_rate:
                waveforms = resample(waveforms, sampling_rate, self.sampling_rate)
            if waveforms.shape[1] < size:
                cut = fill_window(waveforms, size, padding if padding in PADDINGS else self.padding)[:, None]
            elif truncation == "head":
                cut = waveforms[:, None, :size]
            else:
                spans = window_spans(waveforms.shape[1], size, longest_window(size, self.hop_length, fused))
                cut = torch.stack([waveforms[:, span] for span in spans], dim=1)
            mel = log_mel(cut.flatten(0, 1), filters, self.fft_window_size, self.hop_length)
            mel = mel.unflatten(0, cut.shape[:2])
            if not torch.isfinite(mel).all():
                clip = indices[int((~torch.isfinite(mel)).nonzero()[0, 0])]
                raise ValueError(f"clip {clip} holds values that are not finite")
            for index, clip_features in zip(indices, mel.unsqueeze(2), strict=True):
                features[index] = clip_features.expand(-1, 4 if fused else 1, -1, -1)
        return features

    def pad(self, processed_features, *args, return_tensors: str | None = None, **kwargs) -> BatchFeature:
        """Make a batch of rows that came from several calls, with different numbers of windows.

        So `DataCollatorWithPadding(feature_extractor)` and `Trainer(processing_class=feature_extractor)` take short
        and long clips together. Whatever else a row holds must be of one shape.

        Args:
            processed_features: list of B rows, each a dict with `input_features` (windows * channels, frames, mel
                bins), or the same with a leading 1; anything else goes to the stock class, with all arguments.
        """
        first = processed_features[0] if isinstance(processed_features, (list, tuple)) else {}
        if torch.as_tensor(first.get("input_features", [])).ndim < 3:
            return super().pad(processed_features, *args, return_tensors=return_tensors, **kwargs)
        columns = {name: [torch.as_tensor(row[name]) for row in processed_features] for name in first}
        rows = [features.flatten(0, -3) for features in columns.pop("input_features")]
        batch = {"input_features": pad_windows(rows)} | {name: torch.stack(rows) for name, rows in columns.items()}
        return BatchFeature(batch, tensor_type="np" if return_tensors == "np" else None)

    def _checked_rate(self, sampling_rate: int | None) -> int:
        if sampling_rate is None:
            logger.warning(
                f"It is strongly recommended to pass the `sampling_rate` argument to `{type(self).__name__}()`: "
                f"without it audio is taken to be at {self.sampling_rate} Hz, and its features are wrong if it is not"
            )
            return self.sampling_rate
        sampling_rate = int(sampling_rate)
        if sampling_rate < 1:
            raise ValueError(f"sampling_rate={sampling_rate}: must be at least 1 Hz")
        if sampling_rate != self.sampling_rate:
            logger.warning_once(f"audio is resampled from {sampling_rate} Hz to the model's {self.sampling_rate} Hz")
        return sampling_rate


TeminalFeatureExtractor.register_for_auto_class()
