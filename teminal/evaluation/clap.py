"""Embed audio and captions with a CLAP checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from huggingface_hub.errors import HTTPError
from torch.nn import functional as F
from tqdm import tqdm
from transformers import AutoTokenizer, ClapConfig, ClapProcessor

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel, TeminalProcessor
from modeling_teminal.text_teminal import longest_caption
from teminal.evaluation.weights import finite, one_line, require_complete
from teminal.evaluation.windows import LongSound, clip_windows, in_batches
from teminal.hub import use_cache_if_hub_is_away, why_not_loaded

NEEDED_FILES = [
    ("config.json",),
    ("tokenizer.json", "vocab.json", "vocab.txt"),
    ("processor_config.json", "preprocessor_config.json"),
]


def load_clap(model_name_or_path: str, **config_overrides) -> tuple[TeminalModel, TeminalProcessor]:
    """Any CLAP checkpoint, stock or TeminAL, with a deterministic feature extractor.

    Args:
        config_overrides: of its configuration; a temporal head that it has not gets new weights.

    Raises:
        OSError, ValueError: no such checkpoint, or one whose weights are missing, truncated, not finite or not a
            CLAP's, or whose tokenizer is damaged.
    """
    path = Path(model_name_or_path)
    flag = f"--model_name_or_path {model_name_or_path}"
    for names in NEEDED_FILES:
        if path.is_dir() and not any((path / name).is_file() for name in names):
            raise OSError(
                f"{flag}: no {' or '.join(names)} in this folder; save or download model and processor again"
            )
    use_cache_if_hub_is_away(model_name_or_path)
    try:
        values, _ = TeminalConfig.get_config_dict(model_name_or_path)
        if values.get("model_type") not in ("clap", "teminal"):
            raise ValueError(f"model_type={values.get('model_type')!r}")
        config = TeminalConfig.from_dict({**values, **config_overrides})
        with torch.device("meta"):
            TeminalModel(config)
    except (OSError, HTTPError) as error:
        raise OSError(f"{flag}: {why_not_loaded(model_name_or_path, error)}") from error
    except Exception as error:
        raise ValueError(f"{flag}: no CLAP can be built from its config.json: {error!r}") from error
    try:
        model, loading = TeminalModel.from_pretrained(
            model_name_or_path, config=config, dtype=torch.float32, output_loading_info=True
        )
    except (OSError, HTTPError) as error:
        raise OSError(f"{flag}: {error}") from error
    except Exception as error:  # of safetensors, torch and transformers
        raise ValueError(
            f"{flag}: weights damaged or of another shape, save or download them again: {one_line(error)}"
        ) from error
    try:
        extractor = TeminalFeatureExtractor.from_pretrained(model_name_or_path)
        tokenizer = AutoTokenizer.from_pretrained(
            model_name_or_path,
            config=ClapConfig(),  # RoBERTa's where tokenizer_config.json names none, and no question of trust
            trust_remote_code=False,
            model_input_names=["input_ids", "attention_mask"],  # the model takes no token types
        )
    except (OSError, HTTPError) as error:
        raise OSError(f"{flag}: {error}") from error
    except Exception as error:  # tokenizers raise plain ones
        raise ValueError(
            f"{flag}: its tokenizer or processor is damaged, save or download it again: {error!r}"
        ) from error
    new_head = config.temporal_head and not values.get("temporal_head")
    require_complete(flag, model, loading["missing_keys"], loading["unexpected_keys"], new_head)
    tokenizer.model_max_length = min(tokenizer.model_max_length, longest_caption(config.text_config))
    return model.eval(), TeminalProcessor(extractor, tokenizer)


def best_device() -> str:
    """Where embedding is fastest on this machine; in fp32 everywhere."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@torch.inference_mode()
def embed_audio(model: TeminalModel, features: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Embed windows in batches.

    Args:
        features: (W, channels, frames, mel bins), one window each, on any device.
        batch_size: windows that the model takes at a time.

    Returns:
        (W, D) normalised, fp32, on the CPU.

    Raises:
        ValueError: an embedding is not finite.
    """
    embeds = []
    for chunk in features.split(batch_size):
        is_longer = torch.zeros(len(chunk), 1, dtype=torch.bool, device=model.device)
        embeds.append(model.get_audio_features(chunk.to(model.device), is_longer).pooler_output.float().cpu())
    return finite(torch.cat(embeds))


def embed_waveforms(
    model: TeminalModel,
    processor: ClapProcessor,
    waveforms: Sequence[np.ndarray | LongSound],
    sampling_rate: int | None = None,
    batch_size: int = 16,
    progress: bool = True,
) -> np.ndarray:
    """Embed clips of any lengths, window by window: a long clip needs no more memory than its own.

    Args:
        waveforms: each (samples,) or with channels, as [`TeminalFeatureExtractor`] takes them; or one (samples,).
        sampling_rate: of all arrays, Hz; `None` means the model's own, which a [`LongSound`] is always at.
        batch_size: windows that the model takes at a time.

    Returns:
        (len(waveforms), D) fp32, L2-normalised.

    Raises:
        ValueError: a waveform that is empty, not finite, of another shape or a [`LongSound`] of another rate than the
            model's, or an embedding that is not finite.
    """
    if getattr(waveforms, "ndim", None) == 1:
        waveforms = [waveforms]
    extractor = processor.feature_extractor
    wanted, clip_of = extractor.sampling_rate, []
    # an FFT on MPS is in fp32, which loses quiet bands beside loud ones
    device = "cpu" if model.device.type == "mps" else model.device

    def windows():
        for index, clip in enumerate(tqdm(waveforms, desc="embed", unit="clip", disable=not progress)):
            try:
                for window in clip_windows(clip, sampling_rate or wanted, extractor):
                    clip_of.append(index)
                    yield window.to(device)
            except ValueError as error:
                raise ValueError(f"clip {index}: {error}") from error

    embeds = [torch.empty(0, model.config.projection_dim)]
    for batch in in_batches(windows(), batch_size):
        embeds.append(embed_audio(model, extractor(batch, sampling_rate=wanted)["input_features"]))
    summed = torch.zeros(len(waveforms), model.config.projection_dim)
    summed.index_add_(0, torch.tensor(clip_of, dtype=torch.long), torch.cat(embeds))
    return F.normalize(summed, dim=-1).numpy()


@torch.inference_mode()
def embed_text(model: TeminalModel, processor: ClapProcessor, captions: list[str], batch_size: int = 256):
    """Captions -> (T, D) normalised, fp32, on the CPU; batched by length, so that little is padding.

    Captions are cut to what the text tower takes, with a warning.

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
    return finite(embeds)
