"""Keep a generated sound and its embeddings beside a model, to check later that the model still gives them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from teminal.audio import read_audio
from teminal.files import write_json
from teminal.rendering import SAMPLING_RATE

if TYPE_CHECKING:
    from teminal.evaluation.models import AudioTextModel

SOUND, VECTORS = "test_vector.flac", "test_vector.json"
CAPTION = "This is a sound of bell before siren."
MOST_OFF = 1e-3  # of a number of an embedding, which has length 1


def generate_sound() -> np.ndarray:
    """Generate a bell of 1.5 s and a siren of 1.5 s: (samples,) fp32 at 48 kHz."""
    time_s = np.arange(round(1.5 * SAMPLING_RATE)) / SAMPLING_RATE
    partials = [np.sin(2 * np.pi * 440 * ratio * time_s) / ratio for ratio in (1, 2.76, 5.4)]
    bell = np.exp(-3 * time_s) * np.sum(partials, axis=0)
    siren = np.sin(2 * np.pi * 900 * time_s + 60 * np.sin(2 * np.pi * 2 * time_s))
    return (0.3 * np.concatenate([bell, siren])).astype(np.float32)


def write_test_vector(folder: Path, embed_audio: Callable, embed_text: Callable) -> None:
    """Write the sound, a caption, and the model's embeddings of both to the folder of the model.

    Args:
        embed_audio, embed_text: the methods of an [`AudioTextModel`].
    """
    soundfile.write(folder / SOUND, generate_sound(), SAMPLING_RATE, subtype="PCM_16")
    audio, text = embed_audio([read_audio(folder / SOUND)], SAMPLING_RATE)[0], embed_text([CAPTION])[0]
    write_json(folder / VECTORS, {"caption": CAPTION, "audio_embed": audio.tolist(), "text_embed": text.tolist()})


def verify_model(model: "AudioTextModel", model_name_or_path: str) -> None:
    """Check that a model gives the embeddings of its test vector, within `MOST_OFF`.

    Raises:
        ValueError: it does not, or has no test vector.
        OSError: the test vector cannot be downloaded.
    """
    sound, vectors = (_find(model_name_or_path, name) for name in (SOUND, VECTORS))
    expected = json.loads(vectors.read_text("utf-8"))
    (audio,) = model.embed_audio([read_audio(sound)], SAMPLING_RATE)
    (text,) = model.embed_text([expected["caption"]])
    for kind, embed in (("audio", audio), ("text", text)):
        off = np.abs(embed - np.array(expected[f"{kind}_embed"])).max()
        if not off <= MOST_OFF:
            raise ValueError(
                f"--model_name_or_path {model_name_or_path}: its {kind} test vector is {off:.2g} off; "
                "it has other weights or preprocessing than were saved"
            )


def _find(model_name_or_path: str, name: str) -> Path:
    """Find a file of a model, in its folder or on the Hub."""
    if Path(model_name_or_path).is_dir():
        file = Path(model_name_or_path, name)
    else:
        try:
            file = Path(hf_hub_download(model_name_or_path, name))
        except LocalEntryNotFoundError as error:
            raise OSError(f"--model_name_or_path {model_name_or_path}: {name} cannot be downloaded") from error
        except EntryNotFoundError:
            file = Path(name)
    if not file.is_file():
        raise ValueError(
            f"--model_name_or_path {model_name_or_path}: it has no {name} to verify it by: another program or an "
            "earlier version saved it; load it without `verify`"
        )
    return file
