"""Update a model by its optimizer, schedule and moving average, and save and restore their tensors."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from modeling_teminal import TeminalModel
from teminal.training.config import TrainingConfig
from teminal.training.gradient_cache import get_random_state, set_random_state
from teminal.training.stages import StageConfig

Weights = dict[str, torch.Tensor]  # by parameter name
MAX_LOGIT_SCALE = 100.0
BETAS = (0.9, 0.98)  # of AdamW, as in CLIP (arXiv 2103.00020)
EPS = 1e-6  # as well; the default 1e-8 turns rounding errors into full steps


class StageState:
    """A stage's model, optimizer, schedule and alternative weights.

    Attributes:
        mean: exponential moving average of the trained weights with decay `ema_decay`; `None` for decay 0.
        best: trained weights with the best validation so far.
    """

    def __init__(self, accelerator: Accelerator, model: TeminalModel, stage: StageConfig, config: TrainingConfig):
        self.accelerator, self.model, self.ema_decay = accelerator, model, config.ema_decay
        self.optimizer, self.scheduler = make_optimizer(model, stage, config)
        self.mean = copy_weights(model) if config.ema_decay else None
        self.best: Weights | None = None

    @torch.no_grad()
    def update(self) -> None:
        """Step the optimizer and the schedule, and update the moving average."""
        self.optimizer.step()
        for scale in (self.model.logit_scale_a, self.model.logit_scale_t):
            scale.clamp_(0, math.log(MAX_LOGIT_SCALE))  # as CLIP
        self.scheduler.step()
        self.optimizer.zero_grad()
        if self.mean:
            weights = trained_weights(self.model)
            means = [self.mean[name] for name in weights]
            torch._foreach_lerp_(means, list(weights.values()), 1 - self.ema_decay)

    def use_final_weights(self) -> None:
        """Set the model's weights to the best, else to the moving average, else leave them."""
        set_weights(self.model, self.best or self.mean or {})

    def tensors(self) -> dict:
        """Return the tensors of a checkpoint; called on all processes."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "mean": self.mean,
            "best": self.best,
            "random": gather_object([get_random_state(self.accelerator.device)]),
        }

    def load(self, tensors: dict) -> None:
        """Restore the result of [`StageState.tensors`]; the number of processes must be the same."""
        device = self.accelerator.device
        self.model.load_state_dict(tensors["model"])
        self.optimizer.load_state_dict(tensors["optimizer"])
        self.scheduler.load_state_dict(tensors["scheduler"])
        self.mean = tensors["mean"] and {name: weight.to(device) for name, weight in tensors["mean"].items()}
        self.best = tensors["best"]
        set_random_state(tensors["random"][self.accelerator.process_index], device)


def make_optimizer(
    model: nn.Module, stage: StageConfig, config: TrainingConfig
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.LambdaLR]:
    """Make AdamW, with weight decay for matrices only, and a cosine schedule with warm-up."""
    text_rate = stage.learning_rate if stage.text_learning_rate is None else stage.text_learning_rate
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            decay = config.weight_decay if weight.ndim >= 2 else 0.0
            learning_rate = text_rate if "text_model." in name else stage.learning_rate
            groups.setdefault((decay, learning_rate), []).append(weight)
    options = [
        {"params": groups[decay, learning_rate], "weight_decay": decay, "lr": learning_rate}
        for decay, learning_rate in sorted(groups, reverse=True)
    ]
    optimizer = torch.optim.AdamW(options, betas=BETAS, eps=EPS)
    n_warmup = round(config.warmup_ratio * stage.max_train_steps)
    return optimizer, get_cosine_schedule_with_warmup(optimizer, n_warmup, stage.max_train_steps)


def trained_weights(model: nn.Module) -> Weights:
    """Return the trainable weights, which share memory with the model."""
    return {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}


def trained_weights_of(model: nn.Module, part: str) -> list[nn.Parameter]:
    """List the trainable weights of a part of the model, such as "text_model"; none if it has no such part."""
    return [weight for name, weight in model.named_parameters() if f"{part}." in name and weight.requires_grad]


def fix_weights(weights: list[nn.Parameter], fixed: bool) -> None:
    """Take weights out of training, or put them back."""
    for weight in weights:
        weight.requires_grad_(not fixed)


def copy_weights(model: nn.Module) -> Weights:
    """Copy the trainable weights."""
    return {name: weight.clone() for name, weight in trained_weights(model).items()}


def set_weights(model: nn.Module, weights: Weights) -> None:
    """Set trainable weights of the model."""
    own = trained_weights(model)
    for name, weight in weights.items():
        own[name].copy_(weight)


@contextmanager
def using_weights(model: nn.Module, weights: Weights | None) -> Iterator[None]:
    """Context in which the model has other weights; `None`: its own."""
    own = copy_weights(model) if weights else {}
    set_weights(model, weights or {})
    try:
        yield
    finally:
        set_weights(model, own)
