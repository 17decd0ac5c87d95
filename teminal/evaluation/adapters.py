"""Embed with audio-text models of other libraries, which are imported on use."""

import hashlib
import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from modeling_teminal.windows_teminal import window_spans
from teminal.audio import resample
from teminal.evaluation.weights import finite, require_finite
from teminal.evaluation.windows import in_batches
from teminal.hub import use_cache_if_hub_is_away

ROOT = Path(__file__).parents[2]


def require(library: str, package: str) -> ModuleType:
    """Import a library.

    Raises:
        ValueError: it is not installed, or does not work beside what is.
    """
    try:
        return importlib.import_module(library)
    except (ImportError, RuntimeError, OSError) as error:  # the last two: no network, a torchaudio of another torch
        raise ValueError(f"{library} is needed and does not import: {error}; `pip install {package}`") from error


def fingerprint(state: Mapping[str, torch.Tensor], *config: str) -> str:
    """Hash of weights, configuration, and the code that embeds."""
    hashed = hashlib.sha256("\0".join(config).encode())
    own = [f"teminal/evaluation/{name}.py" for name in ("clap", "adapters", "windows")]
    code = [
        *sorted((ROOT / "modeling_teminal").glob("*.py")),
        *(ROOT / name for name in own),
    ]
    for file in code:
        hashed.update(file.read_bytes())
    for name, value in sorted(state.items()):
        hashed.update(name.encode() + value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()


def embed_windows(
    clips: Iterable[np.ndarray], longest: int, batch_size: int, embed: Callable[[list[np.ndarray]], np.ndarray]
) -> np.ndarray:
    """Embed clips of any lengths by evenly spaced windows: (clips, D) fp32, L2-normalised.

    The libraries cut longer clips at random; the average over windows is the same every time.

    Args:
        longest: samples of a window.
        embed: at most batch_size windows of at most longest samples -> (windows, D).
    """
    clip_of = []

    def windows():
        for number, clip in enumerate(clips):
            for span in window_spans(len(clip), longest, longest):
                clip_of.append(number)
                yield clip[span]

    embeds = normalised(np.concatenate([embed(batch) for batch in in_batches(windows(), batch_size)]))
    return normalised(np.stack([embeds[np.equal(clip_of, number)].mean(0) for number in range(clip_of[-1] + 1)]))


def normalised(embeds: np.ndarray) -> np.ndarray:
    embeds = finite(torch.as_tensor(embeds, dtype=torch.float32)).numpy()
    return embeds / np.linalg.norm(embeds, axis=1, keepdims=True)


class LaionClap:
    """A `.pt` file of LAION's own library, such as 630k-audioset-best.pt or a fused one; 48 kHz, 10 s."""

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        library = require("laion_clap", "laion_clap torchaudio torchvision")
        state = torch.load(model_name_or_path, map_location="cpu", weights_only=False)  # as the library itself does
        state = {key.removeprefix("module."): value for key, value in state.get("state_dict", state).items()}
        if (patches := state.get("audio_branch.patch_embed.proj.weight")) is None:
            raise ValueError(f"--model_name_or_path {model_name_or_path}: no HTSAT checkpoint of laion_clap")
        amodel = "HTSAT-base" if len(patches) == 128 else "HTSAT-tiny"
        fused = any(".fusion_model." in key for key in state)
        self.model = library.CLAP_Module(enable_fusion=fused, amodel=amodel)
        self.model.load_ckpt(model_name_or_path, verbose=False)
        require_finite(f"--model_name_or_path {model_name_or_path}", self.model.state_dict())
        self.batch_size = batch_size
        self.fingerprint = fingerprint(self.model.state_dict(), json.dumps(self.model.model_cfg, default=str))

    def embed_audio(self, waveforms: Sequence[np.ndarray], sampling_rate: int) -> np.ndarray:
        clips = (resample(waveform, sampling_rate, 48_000) for waveform in waveforms)
        with torch.inference_mode():
            return embed_windows(clips, 480_000, self.batch_size, self.model.get_audio_embedding_from_data)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        with torch.inference_mode():
            return normalised(self.model.get_text_embedding(list(captions)))


class MsClap:
    """A version of Microsoft's `msclap`, "2022" or "2023", or a `.pth` file with the version in its name."""

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        library = require("msclap", "msclap torchaudio")
        version = "2022" if "2022" in Path(model_name_or_path).name else "2023"
        file = None if model_name_or_path == version else model_name_or_path
        self.wrapper = library.CLAP(file, version=version, use_cuda=torch.cuda.is_available())
        require_finite(f"--model_name_or_path {model_name_or_path}", self.wrapper.clap.state_dict())
        self.batch_size = batch_size
        self.fingerprint = fingerprint(self.wrapper.clap.state_dict(), self.wrapper.config_as_str)

    def embed_audio(self, waveforms: Sequence[np.ndarray], sampling_rate: int) -> np.ndarray:
        config = self.wrapper.args
        clips = (resample(waveform, sampling_rate, config.sampling_rate) for waveform in waveforms)
        longest = config.duration * config.sampling_rate

        def embed(windows):
            repeated = torch.from_numpy(np.stack([np.resize(window, longest) for window in windows]))
            repeated = repeated.to(next(self.wrapper.clap.parameters()).device)
            return self.wrapper._get_audio_embeddings(repeated[:, None]).cpu().numpy()

        return embed_windows(clips, longest, self.batch_size, embed)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        """Tokenised here: the library calls a method that transformers 5 no longer has."""
        config = self.wrapper.args
        end = " <|endoftext|>" if "gpt" in config.text_model else ""
        tokens = self.wrapper.tokenizer(
            [caption + end for caption in captions],
            max_length=config.text_len,
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        ).to(next(self.wrapper.clap.parameters()).device)
        tokens = {key: tokens[key] for key in self.wrapper.token_keys}
        return normalised(self.wrapper._get_text_embeddings(tokens).cpu().numpy())


class SentenceEncoder:
    """A model of sentence-transformers (6 or later) that takes text and audio."""

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        library = require("sentence_transformers", "'sentence-transformers>=6'")
        use_cache_if_hub_is_away(model_name_or_path)
        self.model = library.SentenceTransformer(model_name_or_path)
        require_finite(f"--model_name_or_path {model_name_or_path}", self.model.state_dict())
        if "audio" not in self.model.modalities:
            taken = ", ".join(map(str, self.model.modalities))
            raise ValueError(f"--model_name_or_path {model_name_or_path}: it takes {taken}, no audio")
        self.extractor = self.model[0].processor.feature_extractor
        self.batch_size = batch_size
        self.fingerprint = fingerprint(self.model.state_dict(), self.extractor.to_json_string(), str(self.model))

    def embed_audio(self, waveforms: Sequence[np.ndarray], sampling_rate: int) -> np.ndarray:
        wanted = self.extractor.sampling_rate
        clips = [resample(waveform, sampling_rate, wanted) for waveform in waveforms]
        longest = getattr(self.extractor, "nb_max_samples", max(map(len, clips)))

        def embed(windows):
            return self.encode([{"array": window, "sampling_rate": wanted} for window in windows])

        return embed_windows(clips, longest, self.batch_size, embed)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        return normalised(self.encode(list(captions)))

    def encode(self, inputs: list) -> np.ndarray:
        return self.model.encode(inputs, batch_size=self.batch_size, show_progress_bar=False)
