"""What an evaluation needs of a model, and how to get it from a name."""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from eval.encoder import embed_text, embed_waveforms, load_clap


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
        OSError, ValueError: see [`load_clap`].
    """

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        self.model, self.processor = load_clap(model_name_or_path)
        self.model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.batch_size = batch_size
        hashed = hashlib.sha256(self.model.config.to_json_string().encode())
        hashed.update(self.processor.feature_extractor.to_json_string().encode())
        hashed.update(self.processor.tokenizer.backend_tokenizer.to_str().encode())
        for name, value in sorted(self.model.state_dict().items()):
            hashed.update(name.encode() + value.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        self.fingerprint = hashed.hexdigest()

    def embed_audio(self, waveforms: Sequence[np.ndarray], sampling_rate: int) -> np.ndarray:
        return embed_waveforms(self.model, self.processor, waveforms, sampling_rate, self.batch_size, progress=False)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        return embed_text(self.model, self.processor, list(captions)).numpy()


MODEL_TYPES = {"clap": Clap}


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that all evaluations share."""
    parser.add_argument(
        "--model_name_or_path", required=True, nargs="+", help="one or more checkpoints, local folders or Hub ids"
    )
    parser.add_argument("--model_type", default="clap", choices=MODEL_TYPES, help="the library that they are of")
    parser.add_argument("--per_device_eval_batch_size", type=int, default=16)
    parser.add_argument("--cache_dir", help="of embeddings; default: teminal/embeddings in HF_ASSETS_CACHE")
    parser.add_argument("--output_json", type=Path, help="where every figure is written")


def load_model(model_name_or_path: str, args: argparse.Namespace) -> AudioTextModel:
    return MODEL_TYPES[args.model_type](model_name_or_path, args.per_device_eval_batch_size)


def names_of(model_names_or_paths: list[str]) -> dict[str, str]:
    """A short name for each model, the last part of its path or id; the whole one where two share it."""
    short = [Path(path).name for path in model_names_or_paths]
    return {
        name if short.count(name) == 1 else path.replace("/", "_"): path
        for name, path in zip(short, model_names_or_paths, strict=True)
    }
