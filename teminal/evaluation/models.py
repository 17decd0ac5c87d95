"""Load an audio-text model of any library, and embed audio and captions with it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Union

import numpy as np

from teminal.evaluation.onnx import ONNX_FILE, OnnxModel
from teminal.evaluation.test_vectors import verify_model
from teminal.evaluation.windows import Audio, load_file, read_ahead
from teminal.rendering import SAMPLING_RATE

if TYPE_CHECKING:
    import torch


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


def _load_class(module: str, name: str, *arguments: Any) -> AudioTextModel:
    """Import the class of a kind of model on first use: torch takes seconds, and exported models do without it."""
    return getattr(import_module(f"teminal.evaluation.{module}"), name)(*arguments)


MODEL_TYPES: dict[str, Callable[[str, int], AudioTextModel]] = {
    "clap": partial(_load_class, "clap", "Clap"),
    "laion_clap": partial(_load_class, "libraries", "LaionClap"),
    "msclap": partial(_load_class, "libraries", "MsClap"),
    "sentence_transformers": partial(_load_class, "libraries", "SentenceEncoder"),
}


def load(
    model_name_or_path: str | PathLike[str], model_type: str = "clap", batch_size: int = 16, verify: bool = False
) -> AudioTextModel:
    """Load a contrastive audio-text model onto the fastest device.

    Args:
        model_name_or_path: local folder or Hub id of a CLAP checkpoint or of a PEFT adapter of one, or folder that
            `teminal export` wrote, which needs no torch; for other libraries what they take.
        model_type: library of the model: "clap" (transformers), "laion_clap", "msclap" or "sentence_transformers".
        batch_size: windows of audio per batch.
        verify: check that the model gives the embeddings of its test vector, as when it was saved.

    Raises:
        ValueError, OSError: the model or its library is missing or damaged, or it gives other embeddings.

    Example:
        >>> model = load("laion/clap-htsat-unfused")
        >>> scores = embed_audio(model, ["dog.wav"]) @ embed_text(model, ["a dog", "rain"]).T  # cosines, (1, 2)
    """
    path = str(model_name_or_path)
    if model_type not in MODEL_TYPES:
        raise ValueError(f"model_type={model_type!r}: use one of {', '.join(MODEL_TYPES)}")
    if Path(path, ONNX_FILE).is_file():
        model: AudioTextModel = OnnxModel(path, batch_size)
    else:
        model = MODEL_TYPES[model_type](path, batch_size)
    if verify:
        verify_model(model, path)
    return model


@contextmanager
def naming_model_flag(flag: str) -> Iterator[None]:
    """Name another flag in errors about a model, for commands that do not have `--model_name_or_path`."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise type(error)(str(error).replace("--model_name_or_path", flag)) from error


def embed_audio(
    model: AudioTextModel,
    audio: Sequence[Union[str, PathLike[str], np.ndarray, "torch.Tensor"]],
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
