"""What is trained, and how: frozen layers, parameter groups, optimizer and schedule."""

import itertools
import math

import torch
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from modeling_teminal import TeminalModel
from teminal.training.config import StageConfig, TrainingConfig

MAX_LOGIT_SCALE = 100.0
BETAS, EPS = (0.9, 0.98), 1e-6  # CLIP's (arXiv 2103.00020); AdamW's own 1e-8 makes full steps of rounding errors


def freeze(model: TeminalModel, n_layers: int, learn_temperature: bool) -> None:
    """Keep what is not to be trained as it is.

    Args:
        n_layers: input embeddings and so many first layers of both towers (blocks of the audio tower, counted through
            its stages) are frozen, after TACT (arXiv 2301.02074), which freezes word embeddings and first layers;
            0: nothing.
        learn_temperature: else both logit scales are frozen.
    """
    encoder = model.audio_model.audio_encoder
    if model.config.audio_config.enable_fusion:  # scenes fit one window: what fuses longer audio is not used
        encoder.patch_embed.fusion_model.requires_grad_(False)
        encoder.patch_embed.mel_conv2d.requires_grad_(False)
    if not learn_temperature:
        model.logit_scale_a.requires_grad_(False)
        model.logit_scale_t.requires_grad_(False)
    if n_layers:
        inputs = [encoder.patch_embed, encoder.batch_norm, model.text_model.embeddings]
        for part in [*inputs, *itertools.chain.from_iterable(layers[:n_layers] for layers in _layers(model).values())]:
            part.requires_grad_(False)


def require_layers(model: TeminalModel, n_layers: int) -> None:
    """
    Raises:
        ValueError: a tower has no more than `n_layers` layers to freeze.
    """
    for tower, layers in _layers(model).items():
        if n_layers >= len(layers):
            raise ValueError(f"--freeze_layers {n_layers}: the {tower} tower has {len(layers)} layers; freeze fewer")


@torch.no_grad()
def clamp_temperature(model: TeminalModel) -> None:
    """Both logit scales from 1 to 100, as CLIP has them (arXiv 2103.00020)."""
    for scale in (model.logit_scale_a, model.logit_scale_t):
        scale.clamp_(0, math.log(MAX_LOGIT_SCALE))


def _layers(model: TeminalModel) -> dict[str, list[nn.Module]]:
    """Tower -> its layers, the last block of a stage together with what makes its output coarser."""
    stages = model.audio_model.audio_encoder.layers
    blocks = [[*stage.blocks[:-1], nn.ModuleList([stage.blocks[-1], stage.downsample])] for stage in stages]
    return {"audio": list(itertools.chain.from_iterable(blocks)), "text": list(model.text_model.encoder.layer)}


def make_optimizer(
    model: nn.Module, settings: StageConfig, recipe: TrainingConfig
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW, with weight decay for matrices alone (not for biases, norms and temperatures), and a cosine schedule."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=BETAS, eps=EPS)
    n_warmup = round(recipe.warmup_ratio * settings.max_train_steps)
    return optimizer, get_cosine_schedule_with_warmup(optimizer, n_warmup, settings.max_train_steps)
