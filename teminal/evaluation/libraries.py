"""Embed with models of other libraries, which are imported on use; methods are those of [`AudioTextModel`]."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from teminal.evaluation.checkpoints import (
    fingerprint,
    identify,
    require_finite,
    require_finite_embeds,
    require_library,
)
from teminal.evaluation.windows import Audio, embed_windows
from teminal.hub import use_cache_if_hub_is_away


class LaionClap:
    """Embed with a `.pt` file of LAION's library, such as 630k-audioset-best.pt, fused or not; 48 kHz, 10 s."""

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        library = require_library("laion_clap", "laion_clap torchaudio torchvision")
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
        self.identity = identify(self.model.state_dict(), json.dumps(self.model.model_cfg, default=str))
        self.fingerprint = fingerprint(self.identity)

    def embed_audio(self, clips: Iterable[Audio], sampling_rate: int) -> np.ndarray:
        def embed(windows: list[np.ndarray]) -> np.ndarray:
            with torch.inference_mode():
                return normalise(self.model.get_audio_embedding_from_data(windows)).numpy()

        return embed_windows(clips, sampling_rate, embed, self.batch_size, model_rate=48_000, size=480_000)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        with torch.inference_mode():
            return normalise(self.model.get_text_embedding(list(captions))).numpy()


class MsClap:
    """Embed with Microsoft's `msclap`: version "2022" or "2023", or a `.pth` file with the version in its name."""

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        library = require_library("msclap", "msclap torchaudio")
        version = "2022" if "2022" in Path(model_name_or_path).name else "2023"
        file = None if model_name_or_path == version else model_name_or_path
        self.wrapper = library.CLAP(file, version=version, use_cuda=torch.cuda.is_available())
        self.device = next(self.wrapper.clap.parameters()).device
        require_finite(f"--model_name_or_path {model_name_or_path}", self.wrapper.clap.state_dict())
        self.batch_size = batch_size
        self.identity = identify(self.wrapper.clap.state_dict(), self.wrapper.config_as_str)
        self.fingerprint = fingerprint(self.identity)

    def embed_audio(self, clips: Iterable[Audio], sampling_rate: int) -> np.ndarray:
        rate = self.wrapper.args.sampling_rate
        size = self.wrapper.args.duration * rate

        def embed(windows: list[np.ndarray]) -> np.ndarray:
            repeated = torch.from_numpy(np.stack([np.resize(window, size) for window in windows]))
            return normalise(self.wrapper._get_audio_embeddings(repeated[:, None].to(self.device)).cpu()).numpy()

        return embed_windows(clips, sampling_rate, embed, self.batch_size, model_rate=rate, size=size)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        """Embed captions; tokenised here, because the library calls a method that transformers 5 no longer has."""
        config = self.wrapper.args
        end = " <|endoftext|>" if "gpt" in config.text_model else ""
        tokens = self.wrapper.tokenizer(
            [caption + end for caption in captions],
            max_length=config.text_len,
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        ).to(self.device)
        tokens = {key: tokens[key] for key in self.wrapper.token_keys}
        return normalise(self.wrapper._get_text_embeddings(tokens).cpu()).numpy()


class SentenceEncoder:
    """Embed with a model of sentence-transformers (6 or later) that takes text and audio."""

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        library = require_library("sentence_transformers", "'sentence-transformers>=6'")
        use_cache_if_hub_is_away(model_name_or_path)
        self.model = library.SentenceTransformer(model_name_or_path)
        require_finite(f"--model_name_or_path {model_name_or_path}", self.model.state_dict())
        if "audio" not in self.model.modalities:
            taken = ", ".join(map(str, self.model.modalities))
            raise ValueError(f"--model_name_or_path {model_name_or_path}: it takes {taken}, no audio")
        self.extractor = self.model[0].processor.feature_extractor
        self.batch_size = batch_size
        self.identity = identify(self.model.state_dict(), self.extractor.to_json_string(), str(self.model))
        self.fingerprint = fingerprint(self.identity)

    def embed_audio(self, clips: Iterable[Audio], sampling_rate: int) -> np.ndarray:
        rate = self.extractor.sampling_rate
        size = getattr(self.extractor, "nb_max_samples", sys.maxsize)  # not every extractor has a limit

        def embed(windows: list[np.ndarray]) -> np.ndarray:
            return self._encode([{"array": window, "sampling_rate": rate} for window in windows]).numpy()

        return embed_windows(clips, sampling_rate, embed, self.batch_size, model_rate=rate, size=size)

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        return self._encode(list(captions)).numpy()

    def _encode(self, inputs: list) -> torch.Tensor:
        return normalise(self.model.encode(inputs, batch_size=self.batch_size, show_progress_bar=False))


def normalise(embeds: np.ndarray | torch.Tensor) -> torch.Tensor:
    """L2-normalise embeddings (N, D), as fp32 on the CPU; a ValueError if they are not finite."""
    return F.normalize(require_finite_embeds(torch.as_tensor(embeds, dtype=torch.float32)), dim=-1)
