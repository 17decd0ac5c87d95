"""The model of a run: what it starts from, what of it is trained, what it is mixed with, and what is saved of it."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from peft import PeftModel
from safetensors import SafetensorError
from torch import nn
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.clips import ClipBank
from teminal.evaluation.checkpoints import load_clap
from teminal.training.config import TrainingConfig
from teminal.training.lora import add_adapters
from teminal.training.scratch import build_scratch_clap, load_text_encoder
from teminal.training.state import Weights, copy_weights, set_weights


def prepare_model(config: TrainingConfig) -> Callable[[ClipBank], tuple[TeminalModel, ClapProcessor]]:
    """Load what the model starts from, and return what makes it and its processor once the clips are decoded.

    Raises:
        OSError, ValueError: naming the option whose model cannot be loaded.
    """
    if config.model_name_or_path:
        overrides = {"temporal_head": True} if config.temporal_head else {}
        loaded = load_clap(config.model_name_or_path, **overrides)
        return lambda bank: loaded
    text_encoder = load_text_encoder(config.text_model_name_or_path) if config.text_model_name_or_path else None
    return lambda bank: build_scratch_clap(bank, config.temporal_head, text_encoder=text_encoder, **config.scratch)


def adapt(model: TeminalModel, config: TrainingConfig) -> TeminalModel:
    """Add adapters, or freeze layers."""
    if config.lora != "none":  # a PeftModel has the attributes of its model
        return cast(TeminalModel, add_adapters(model, config.lora, config.lora_rank, config.lora_alpha))
    freeze(model, config.freeze_layers, config.learn_temperature)
    return model


def freeze(model: TeminalModel, n_layers: int, learn_temperature: bool) -> None:
    """Freeze the input embeddings and so many first layers of both towers, after TACT (arXiv 2301.02074); 0: none.

    Temperatures are frozen as well unless `learn_temperature`.
    """
    encoder = model.audio_model.audio_encoder
    frozen = []
    if n_layers:
        frozen += [encoder.patch_embed, encoder.batch_norm, model.text_model.embeddings]
        frozen += [layer for layers in _layers(model).values() for layer in layers[:n_layers]]
    if encoder.enable_fusion:  # scenes fit one window: what fuses longer audio is not used
        frozen += [encoder.patch_embed.fusion_model, encoder.patch_embed.mel_conv2d]
    if not learn_temperature:
        frozen += [model.logit_scale_a, model.logit_scale_t]
    for part in frozen:
        part.requires_grad_(False)


def require_layers(model: TeminalModel, n_layers: int) -> None:
    """Raise a ValueError unless each tower has more than `n_layers` layers to freeze."""
    for tower, layers in _layers(model).items():
        if n_layers >= len(layers):
            raise ValueError(f"--freeze_layers {n_layers}: the {tower} tower has {len(layers)} layers; freeze fewer")


def _layers(model: TeminalModel) -> dict[str, list[nn.Module]]:
    """List each tower's layers; the last block of a stage goes together with what makes its output coarser."""
    audio: list[nn.Module] = []
    for stage in model.audio_model.audio_encoder.layers:
        audio += [*stage.blocks[:-1], nn.ModuleList([stage.blocks[-1], stage.downsample])]
    return {"audio": audio, "text": list(model.text_model.encoder.layer)}


def mix_with_base(
    model: TeminalModel, base: Weights, shares: list[float], validate: Callable[[TeminalModel], dict] | None
) -> dict:
    """Give the model that share of its trained weights which is best on validation clips (WiSE-FT)."""
    tuned = copy_weights(model)
    found: dict[float, float | None] = {}
    for share in shares:
        set_weights(model, interpolate(base, tuned, share))
        found[share] = validate(model)["zste"] if validate and len(shares) > 1 else None
    best = max(shares, key=lambda share: found[share] or 0.0)
    set_weights(model, interpolate(base, tuned, best))
    return {"share": best, "validation_zste": found}


def interpolate(base: Weights, tuned: Weights, share: float) -> Weights:
    """Return (1 - share) * base + share * tuned, WiSE-FT (arXiv 2109.01903); exactly `tuned` at 1.

    Of adapters, whose change to the base is the product of A and B, with B zero in the base, B alone is mixed.
    """
    return {
        name: weight if "lora_A" in name else torch.lerp(base[name].to(weight.device), weight, share)
        for name, weight in tuned.items()
    }


def export_model(model: TeminalModel | PeftModel, processor: ClapProcessor, folder: Path) -> list[str]:
    """Save a checkpoint like any other, with adapters merged, and return the names of its files.

    Where adapters have a base that others can load, they are in `adapter/` as well.

    Raises:
        OSError: they cannot be written.
    """
    fresh = folder / ".export"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        if isinstance(model, PeftModel):
            if model.active_peft_config.base_model_name_or_path:
                model.save_pretrained(str(fresh / "adapter"))
                (fresh / "adapter" / "README.md").unlink(missing_ok=True)  # an empty form
            model = copy.deepcopy(model).merge_and_unload()
        model.save_pretrained(str(fresh))
        processor.save_pretrained(fresh)
    except SafetensorError as error:  # of a full disk
        raise OSError(f"{fresh}: cannot be written ({error})") from error
    names = sorted(path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file())
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (fresh / name).replace(folder / name)
    shutil.rmtree(fresh)
    return names
