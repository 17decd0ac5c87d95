"""Compute CLAP's log-mel features in batched torch, with windows in place of the stock class's random crop."""

import torch
from transformers import BatchFeature, ClapFeatureExtractor
from transformers.utils import logging

from .spans_teminal import longest_window, window_spans
from .waveform_teminal import as_clips, log_mel, resample
from .windows_teminal import fill_window, pad_windows

logger = logging.get_logger(__name__)

PADDINGS = ("repeatpad", "repeat", "pad")
FOR_TOKENIZERS = (None, True, False, "longest", "max_length", "do_not_pad", "longest_first", "only_first")
# Saved as `truncation`: the stock class then raises "... is not implemented" for long clips, instead of cropping them
# at random; clips of one window it takes as before.
SAVED_TRUNCATION = "windows (trust_remote_code=True)"


class TeminalFeatureExtractor(ClapFeatureExtractor):
    """Deterministic CLAP features; one clip's features never depend on the rest of its batch.

    Arguments are those of [`~transformers.ClapFeatureExtractor`], and either class loads the other's
    `preprocessor_config.json`. Audio up to `max_length_s` is repeated and zero-padded as in the stock class. Longer
    audio is cut into evenly spaced windows from its start to its end, which [`TeminalModel`] hears as one clip.

    Args:
        return_num_frames (`bool`, defaults to `True`): also give the duration of each clip, for the temporal head.
            Stock `ClapModel` does not take it, so the extractors of checkpoints without head are saved with `False`.
    """

    model_input_names = ["input_features", "is_longer", "num_frames"]  # noqa: RUF012, as in transformers
    return_num_frames = True

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
        """Compute features, one row per clip, on the device of the waveforms.

        Args:
            raw_speech, truncation, padding, max_length, sampling_rate: see [`~TeminalFeatureExtractor.windows`].
            return_tensors: `"np"` for arrays; with anything else the features are tensors.

        Returns:
            `input_features` (B, windows * channels, frames, mel bins) in dB, `is_longer` (B, 1), False, and
            `num_frames` (B, 1) long, see [`~TeminalFeatureExtractor.windows`]. Clips with fewer windows are padded
            with `ABSENT_DB`, which [`TeminalModel`] ignores. Clips of one window have the shape of the stock class,
            (B, channels, frames, mel bins).

        Raises:
            ValueError: see [`~TeminalFeatureExtractor.windows`].
        """
        clips, num_frames = self.windows(raw_speech, truncation, padding, max_length, sampling_rate)
        features = pad_windows([clip.flatten(0, 1) for clip in clips])
        data = {"input_features": features, "is_longer": features.new_zeros((len(features), 1), dtype=torch.bool)}
        if self.return_num_frames:
            data["num_frames"] = num_frames
        return BatchFeature(data, tensor_type="np" if return_tensors == "np" else None)

    def windows(
        self,
        raw_speech,
        truncation: str | bool | None = None,
        padding: str | bool | None = None,
        max_length: int | None = None,
        sampling_rate: int | None = None,
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Compute the features of each clip's windows.

        Args:
            raw_speech: one waveform (samples,), a batch (B, samples) or (B, channels, samples), or a list of
                waveforms of any lengths, mono or with channels, which are mixed down; NumPy arrays, tensors or lists
                of floats in [-1, 1], or 16 or 32 bit PCM.
            truncation: `"rand_trunc"` for the features of unfused checkpoints, `"fusion"` for those of fused ones
                (four equal channels per window), both without randomness; `"head"` for only the first window.
                Default: the checkpoint's own, also for values meant for the tokenizer, which `ClapProcessor` passes.
            padding: of shorter audio: `"repeatpad"`, `"repeat"` or `"pad"`, as in the stock class. Default: the
                checkpoint's own, also for values meant for the tokenizer.
            max_length: samples of a window, at the extractor's sampling rate. Default: those of `max_length_s`, also
                for a number of tokens, which `ClapProcessor` passes and is less than one frame.
            sampling_rate: of `raw_speech`, Hz; other rates than the extractor's are resampled. `None` means the
                extractor's, with a warning.

        Returns:
            The features of each clip, (windows, channels, frames, mel bins) in dB, and `num_frames` (B, 1) long, its
            duration in hops, rounded up, without what repeats or pads it, nor what `truncation="head"` cuts off.

        Raises:
            ValueError: truncation, padding or sampling rate is unknown, or a clip is empty, not finite or of another
                type or shape.
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

        together = {}  # clips of one length; on a CPU single clips, which stay in its cache
        for index, clip in enumerate(clips):
            together.setdefault(index if clip.device.type == "cpu" else len(clip), []).append(index)
        features, durations = [None] * len(clips), [0] * len(clips)
        for indices in together.values():
            waveforms = torch.stack([clips[index] for index in indices])
            if sampling_rate != self.sampling_rate:
                waveforms = resample(waveforms, sampling_rate, self.sampling_rate)
            if truncation == "head":
                waveforms = waveforms[:, :size]
            if waveforms.shape[1] < size:
                cut = fill_window(waveforms, size, padding if padding in PADDINGS else self.padding)[:, None]
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
                durations[index] = -(-waveforms.shape[1] // self.hop_length)
        return features, torch.tensor(durations, device=features[0].device)[:, None]

    def pad(self, processed_features, *args, return_tensors: str | None = None, **kwargs) -> BatchFeature:
        """Batch rows of several calls, with different numbers of windows.

        `DataCollatorWithPadding(feature_extractor)` and `Trainer(processing_class=feature_extractor)` call it.

        Args:
            processed_features: list of B rows, each a dict with `input_features` (windows * channels, frames, mel
                bins), or the same with a leading 1, and other values of equal shapes; anything else is passed on to
                the stock class.
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
