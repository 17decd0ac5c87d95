"""Embed with CLAP checkpoints of transformers."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from transformers import ClapProcessor
from transformers.utils.peft_utils import find_adapter_config_file

from modeling_teminal import TeminalModel
from modeling_teminal.clip_time_teminal import measure_durations
from modeling_teminal.spans_teminal import longest_window
from teminal.evaluation.checkpoints import (
    fingerprint,
    identify,
    load_adapted_clap,
    load_clap,
    require_finite_embeds,
)
from teminal.evaluation.windows import Audio, Window, count_windows_of_whole_clips, cut_clips, in_batches
from teminal.features import ClipFeatures
from teminal.hub import use_cache_if_hub_is_away


class Clap:
    """Embed with a CLAP checkpoint, stock or TeminAL, fused or not, or with a PEFT adapter of one; fp32 everywhere.

    Raises:
        OSError, ValueError: see [`load_clap`] and [`load_adapted_clap`].
    """

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        use_cache_if_hub_is_away(model_name_or_path)
        try:
            is_adapter = find_adapter_config_file(model_name_or_path) is not None
        except OSError:
            is_adapter = False  # loading raises the error that says what is missing
        load = load_adapted_clap if is_adapter else load_clap
        self.model, self.processor = load(model_name_or_path)
        self.model.to(best_device())  # type: ignore[arg-type]  # transformers hides the type of `to`
        self.batch_size = batch_size
        self.identity = identify(
            self.model.state_dict(),
            self.model.config.to_json_string(),
            self.processor.feature_extractor.to_json_string(),
            self.processor.tokenizer.backend_tokenizer.to_str(),
        )
        self.fingerprint = fingerprint(self.identity, self.model.device.type)

    def embed_audio(self, clips: Iterable[Audio], sampling_rate: int) -> np.ndarray:
        """Embed clips: see [`AudioTextModel`]."""
        return embed_waveforms(self.model, self.processor, clips, sampling_rate, self.batch_size)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        """Embed captions: see [`AudioTextModel`]."""
        return embed_captions(self.model, self.processor, captions).numpy()


def best_device() -> str:
    """Name the fastest device of this machine."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@torch.inference_mode()
def embed_waveforms(
    model: TeminalModel, processor: ClapProcessor, clips: Iterable[Audio], sampling_rate: int, batch_size: int = 16
) -> np.ndarray:
    """Embed clips of any lengths, `batch_size` windows at a time: (clips, D) fp32, L2-normalised.

    A clip's windows are combined as soon as all are encoded, to what the model gives for the whole clip.

    Raises:
        ValueError: see [`cut_clips`]; or an embedding is not finite.
    """
    extractor, device = processor.feature_extractor, model.device
    if device.type == "mps":
        device = torch.device("cpu")  # an fp32 FFT, as on MPS, loses quiet bands beside loud ones
    rate, size = extractor.sampling_rate, extractor.nb_max_samples
    longest = longest_window(size, extractor.hop_length, extractor.truncation == "fusion")

    embeds: list[torch.Tensor] = []
    waiting: list[Window] = []  # to be combined, and what the model gives for them
    pooled, over_time = torch.empty(0, device=model.device), torch.empty(0, device=model.device)
    for batch in in_batches(cut_clips(clips, sampling_rate, rate, size, longest), batch_size):
        samples = [torch.from_numpy(window.samples).to(device) for window in batch]
        features = extractor(samples, sampling_rate=rate)["input_features"].to(model.device)
        is_longer = torch.zeros(len(features), 1, dtype=torch.bool, device=model.device)
        new_pooled, new_over_time = model.encode_windows(features, is_longer)
        waiting += [window.without_samples() for window in batch]
        pooled, over_time = torch.cat([pooled, new_pooled]), torch.cat([over_time, new_over_time])

        n_ready = count_windows_of_whole_clips(waiting)
        if n_ready:
            ready = {window.clip: window for window in waiting[:n_ready]}.values()
            counts = torch.tensor([clip.n_windows for clip in ready], device=model.device)
            frames = [-(-clip.n_samples // extractor.hop_length) for clip in ready]
            num_frames = torch.tensor(frames, device=model.device)
            durations = measure_durations(num_frames, counts, n_ready, features.shape[2])
            combined = model.combine_windows(pooled[:n_ready], over_time[:n_ready], counts, durations)
            embeds.append(require_finite_embeds(combined.float().cpu()))
            waiting, pooled, over_time = waiting[n_ready:], pooled[n_ready:], over_time[n_ready:]
    return torch.cat(embeds).numpy()


@torch.inference_mode()
def embed_features(model: TeminalModel, features: ClipFeatures) -> torch.Tensor:
    """Embed the features of clips: (clips, D) fp32, L2-normalised, on the CPU.

    Raises:
        ValueError: an embedding is not finite.
    """
    outputs = model.get_audio_features(**features.to(model.device).model_inputs())
    return require_finite_embeds(outputs.pooler_output.float().cpu())


@torch.inference_mode()
def embed_captions(
    model: TeminalModel, processor: ClapProcessor, captions: Sequence[str], batch_size: int = 256
) -> torch.Tensor:
    """Embed captions, batched by length: (T, D) fp32, L2-normalised, on the CPU.

    Captions longer than the text tower's limit are truncated, with a warning.

    Raises:
        ValueError: an embedding is not finite.
    """
    order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
    embeds = torch.empty(len(captions), model.config.projection_dim)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        tokens = processor(text=[captions[i] for i in chosen], padding=True, truncation=True, return_tensors="pt")
        tokens = tokens.to(model.device)
        outputs = model.get_text_features(tokens["input_ids"], tokens["attention_mask"])
        embeds[chosen] = outputs.pooler_output.float().cpu()
    return require_finite_embeds(embeds)
