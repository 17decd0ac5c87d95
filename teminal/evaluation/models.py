"""Load an audio-text model of any library, and embed audio and captions with it."""

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from teminal.evaluation.clap import Clap
from teminal.evaluation.libraries import LaionClap, MsClap, SentenceEncoder
from teminal.evaluation.windows import Audio, load_file, read_ahead
from teminal.rendering import SAMPLING_RATE


class AudioTextModel(Protocol):
    """Interface of contrastive audio-text models; any class with these members can be evaluated.

    Attributes:
        identity: hash of weights and preprocessing.
        fingerprint: hash of these, of the device and of the code; models of one fingerprint give the same embeddings.
    """

    identity: str
    fingerprint: str

    def embed_audio(self, clips: Iterable[Audio], sampling_rate: int) -> np.ndarray:
        """Embed clips (samples,) fp32 mono of any lengths: (clips, D) fp32, L2-normalised."""

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        """Embed captions: (captions, D) fp32, L2-normalised."""


MODEL_TYPES: dict[str, Callable[[str, int], AudioTextModel]] = {
    "clap": Clap,
    "laion_clap": LaionClap,
    "msclap": MsClap,
    "sentence_transformers": SentenceEncoder,
}


def load(model_name_or_path: str, model_type: str = "clap", batch_size: int = 16) -> AudioTextModel:
    """Load a contrastive audio-text model onto the fastest device.

    Args:
        model_name_or_path: local folder or Hub id of a CLAP checkpoint or of a PEFT adapter of one; for other
            libraries what they take.
        model_type: library of the model: "clap" (transformers), "laion_clap", "msclap" or "sentence_transformers".
        batch_size: windows of audio per batch.

    Raises:
        ValueError, OSError: the model or its library is missing or damaged.

    Example:
        >>> model = load("laion/clap-htsat-unfused")
        >>> scores = embed_audio(model, ["dog.wav"]) @ embed_text(model, ["a dog", "rain"]).T  # cosines, (1, 2)
    """
    if model_type not in MODEL_TYPES:
        raise ValueError(f"model_type={model_type!r}: use one of {', '.join(MODEL_TYPES)}")
    return MODEL_TYPES[model_type](model_name_or_path, batch_size)


def embed_audio(
    model: AudioTextModel,
    audio: Sequence[str | PathLike[str] | np.ndarray | torch.Tensor],
    sampling_rate: int | None = None,
) -> np.ndarray:
    """Embed audio files or waveforms of any lengths and rates.

    Audio longer than the model's input is cut into evenly spaced windows. CLAPs of transformers hear them as one clip;
    the embeddings that other libraries give for them are averaged.

    Args:
        audio: paths of files, which are decoded a few at a time, or waveforms (samples,), (channels, samples) or
            (samples, channels): floats in [-1, 1] or 16 or 32 bit PCM.
        sampling_rate: of waveforms, Hz.

    Returns:
        (len(audio), D) fp32, L2-normalised: dot products are cosines.

    Raises:
        ValueError: a file or clip, which is named, is missing, unreadable, empty or not finite, or `sampling_rate` is
            missing.
    """
    is_one = isinstance(audio, str | PathLike) or getattr(audio, "ndim", None) == 1
    clips: list[Any] = [audio] if is_one else list(audio)
    files = [Path(clip) for clip in clips if isinstance(clip, str | PathLike)]
    if len(files) == len(clips):
        return model.embed_audio(read_ahead(_load_named, files), SAMPLING_RATE)
    if files or sampling_rate is None:
        raise ValueError("give audio files, or waveforms and their sampling_rate in Hz")
    return model.embed_audio(clips, sampling_rate)


def _load_named(file: Path) -> Audio:
    try:
        return load_file(file)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def embed_text(model: AudioTextModel, captions: Sequence[str]) -> np.ndarray:
    """Embed captions: (len(captions), D) fp32, L2-normalised."""
    return model.embed_text([captions] if isinstance(captions, str) else captions)
