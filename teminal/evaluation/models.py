"""What an evaluation needs of a model, and how to get it from a name."""

import argparse
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from transformers import ClapProcessor, PretrainedConfig
from transformers.utils.peft_utils import find_adapter_config_file

from modeling_teminal import TeminalModel
from teminal.evaluation.adapters import LaionClap, MsClap, SentenceEncoder, fingerprint, require
from teminal.evaluation.clap import best_device, embed_text, embed_waveforms, load_clap
from teminal.evaluation.options import named_models
from teminal.evaluation.weights import merge_adapter
from teminal.hub import use_cache_if_hub_is_away


class AudioTextModel(Protocol):
    """A contrastive audio-text model: two encoders into one space, in which cosines are scores.

    Whoever has these three can be evaluated; [`Embedder`] calls them with what it does not know yet.

    Attributes:
        fingerprint: of weights and preprocessing; another one where an embedding may differ.
    """

    fingerprint: str

    def embed_audio(self, waveforms: Sequence[np.ndarray], sampling_rate: int) -> np.ndarray:
        """Clips (samples,) fp32 mono of any lengths -> (clips, D) fp32, L2-normalised."""

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        """Captions -> (captions, D) fp32, L2-normalised."""


class Clap:
    """Any CLAP checkpoint of transformers, stock or TeminAL, fused or not, or a PEFT adapter of one.

    Raises:
        OSError, ValueError: see [`load_clap_or_adapter`].
    """

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        self.model, self.processor = load_clap_or_adapter(model_name_or_path)
        self.model.to(best_device())
        self.batch_size = batch_size
        self.fingerprint = fingerprint(
            self.model.state_dict(),
            self.model.config.to_json_string(),
            self.processor.feature_extractor.to_json_string(),
            self.processor.tokenizer.backend_tokenizer.to_str(),
            self.model.device.type,
        )

    def embed_audio(self, waveforms: Sequence[np.ndarray], sampling_rate: int) -> np.ndarray:
        return embed_waveforms(self.model, self.processor, waveforms, sampling_rate, self.batch_size, progress=False)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        return embed_text(self.model, self.processor, list(captions)).numpy()


def load_clap_or_adapter(model_name_or_path: str) -> tuple[TeminalModel, ClapProcessor]:
    """A checkpoint, or of a folder or Hub id with adapter_config.json the base that it names, with the adapter merged.

    Raises:
        OSError, ValueError: see [`load_clap`]; or another kind of model, which has no audio features.
    """
    flag = f"--model_name_or_path {model_name_or_path}"
    use_cache_if_hub_is_away(model_name_or_path)
    try:
        is_adapter = find_adapter_config_file(model_name_or_path) is not None
        values = {} if is_adapter else PretrainedConfig.get_config_dict(model_name_or_path)[0]
    except OSError:
        return load_clap(model_name_or_path)  # it says what is missing
    kind = values.get("model_type", "clap")
    if kind not in ("clap", "teminal"):
        raise ValueError(f"{flag}: a {kind} model, no CLAP, so it has no audio features")
    if not is_adapter:
        return load_clap(model_name_or_path)
    peft = require("peft", "peft")
    try:
        config = peft.PeftConfig.from_pretrained(model_name_or_path)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{flag}: no adapter can be built from its adapter_config.json: {error!r}") from error
    if not config.base_model_name_or_path:
        raise ValueError(f"{flag}: its adapter_config.json names no base_model_name_or_path")
    head = {"temporal_head": True} if "temporal_head" in (config.modules_to_save or ()) else {}
    try:
        model, processor = load_clap(config.base_model_name_or_path, **head)
    except (OSError, ValueError) as error:
        raise ValueError(f"{flag}: the base of this adapter cannot be loaded: {error}") from error
    return merge_adapter(flag, model, model_name_or_path).eval(), processor


MODEL_TYPES = {"clap": Clap, "laion_clap": LaionClap, "msclap": MsClap, "sentence_transformers": SentenceEncoder}


def load_models(args: argparse.Namespace) -> dict[str, AudioTextModel]:
    """Name -> model, of the flags of [`evaluation_parser`]."""
    load = MODEL_TYPES[args.model_type]
    return {name: load(path, args.per_device_eval_batch_size) for name, path in named_models(args).items()}
