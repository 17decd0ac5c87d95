"""Embed audio and captions with a CLAP checkpoint."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import ClapProcessor, RobertaTokenizer

from modeling_teminal import TeminalFeatureExtractor, TeminalModel

NEEDED_FILES = [
    ("config.json",),
    ("tokenizer.json", "vocab.json"),
    ("processor_config.json", "preprocessor_config.json"),
]


def load_clap(model_name_or_path: str, **config_overrides) -> tuple[TeminalModel, ClapProcessor]:
    """Any CLAP checkpoint, stock or TeminAL, with a deterministic feature extractor.

    Raises:
        OSError, ValueError: no such checkpoint, or one whose weights are missing, truncated or not a CLAP's.
    """
    path = Path(model_name_or_path)
    flag = f"--model_name_or_path {model_name_or_path}"
    for names in NEEDED_FILES:
        if path.is_dir() and not any((path / name).is_file() for name in names):
            raise OSError(
                f"{flag}: no {' or '.join(names)} in this folder; save or download model and processor again"
            )
    try:
        model, loading = TeminalModel.from_pretrained(
            model_name_or_path, dtype=torch.float32, output_loading_info=True, **config_overrides
        )
        extractor = TeminalFeatureExtractor.from_pretrained(model_name_or_path)
        tokenizer = RobertaTokenizer.from_pretrained(model_name_or_path)
    except OSError as error:
        where = "" if path.is_dir() else " no such folder, and not on the Hub:"
        raise OSError(f"{flag}:{where} {error}") from error
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(
            f"{flag}: weights damaged or of another shape, save or download them again: {error}"
        ) from error
    parameters = dict(model.named_parameters())
    missing = [key for key in loading["missing_keys"] if key in parameters and not key.startswith("temporal_head.")]
    if missing:
        raise ValueError(f"{flag}: not a CLAP: {len(missing)} weights are missing")
    return model.eval(), ClapProcessor(extractor, tokenizer)


@torch.inference_mode()
def embed_audio(model: TeminalModel, features: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """Features (B, channels, frames, mel bins) of audio within one window -> (B, D) normalised, fp32, on the CPU."""
    embeds = []
    for chunk in features.split(batch_size):
        is_longer = torch.zeros(len(chunk), 1, dtype=torch.bool, device=model.device)
        embeds.append(model.get_audio_features(chunk.to(model.device), is_longer).pooler_output.float().cpu())
    return torch.cat(embeds)


@torch.inference_mode()
def embed_text(model: TeminalModel, processor: ClapProcessor, captions: list[str], batch_size: int = 256):
    """Captions -> (T, D) normalised, fp32, on the CPU; batched by length, so that little is padding."""
    order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
    embeds = torch.empty(len(captions), model.config.projection_dim)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        tokens = processor.tokenizer([captions[i] for i in chosen], padding=True, truncation=True, return_tensors="pt")
        tokens = tokens.to(model.device)
        outputs = model.get_text_features(tokens["input_ids"], tokens["attention_mask"])
        embeds[chosen] = outputs.pooler_output.float().cpu()
    return embeds
