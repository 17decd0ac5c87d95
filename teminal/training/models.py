"""The model of a run: what it starts from, what of it is trained, and what it is mixed with in the end."""

from collections.abc import Callable

import torch
from peft import PeftModel
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.clips import ClipBank
from teminal.evaluation.checkpoints import load_clap
from teminal.training.averages import copy_weights, interpolate, set_weights, trained_weights
from teminal.training.config import TrainingConfig
from teminal.training.lora import add_adapters
from teminal.training.optimization import freeze
from teminal.training.pretrained_text import load_text_encoder
from teminal.training.scoring import Scorer
from teminal.training.scratch import build_scratch_clap


def prepare_model(recipe: TrainingConfig) -> Callable[[ClipBank], tuple[TeminalModel, ClapProcessor]]:
    """What gives the model to start from, and its processor, once the bank is there; all else is loaded now.

    Raises:
        OSError, ValueError: naming the option whose model cannot be loaded.
    """
    if recipe.model_name_or_path:
        overrides = {"temporal_head": True} if recipe.temporal_head else {}
        loaded = load_clap(recipe.model_name_or_path, **overrides)
        return lambda bank: loaded
    text_encoder = load_text_encoder(recipe.text_model_name_or_path) if recipe.text_model_name_or_path else None
    settings = {"temporal_head": recipe.temporal_head, "text_encoder": text_encoder, **recipe.scratch}
    return lambda bank: build_scratch_clap(bank, **settings)


def adapt(model: TeminalModel, recipe: TrainingConfig) -> TeminalModel | PeftModel:
    """The model with adapters, or with layers frozen."""
    if recipe.lora != "none":
        return add_adapters(model, recipe.lora, recipe.lora_rank, recipe.lora_alpha)
    freeze(model, recipe.freeze_layers, recipe.learn_temperature)
    return model


def mix_with_base(
    model: TeminalModel | PeftModel, base: dict[str, torch.Tensor], shares: list[float], validate: Scorer | None
) -> dict:
    """WiSE-FT: of several shares of the trained weights, the one that is best on validation clips."""
    tuned, found = copy_weights(trained_weights(model)), {}
    for share in shares:
        set_weights(model, interpolate(base, tuned, share))
        found[share] = validate(model)["zste"] if len(shares) > 1 else None
    best = max(shares, key=found.get) if len(shares) > 1 else shares[0]
    set_weights(model, interpolate(base, tuned, best))
    return {"share": best, "validation_zste": found}
