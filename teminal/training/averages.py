"""Weights that are means of others: over the steps of a stage, or of a trained model and its base."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def trained_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Name -> weights that are trained, sharing memory with the model."""
    return {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}


def copy_weights(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in weights.items()}


@torch.no_grad()
def set_weights(model: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    mine = trained_weights(model)
    for name, weight in weights.items():
        mine[name].copy_(weight)


@contextmanager
def weights_of(model: nn.Module, weights: dict[str, torch.Tensor] | None) -> Iterator[None]:
    """The model has `weights` meanwhile, and its own again afterwards; `None`: its own."""
    if weights is None:
        yield
        return
    own = copy_weights(trained_weights(model))
    set_weights(model, weights)
    try:
        yield
    finally:
        set_weights(model, own)


@torch.no_grad()
def update_running_mean(mean: dict[str, torch.Tensor], weights: dict[str, torch.Tensor], decay: float) -> None:
    """`mean` <- decay * mean + (1 - decay) * weights, in place."""
    torch._foreach_lerp_([mean[name] for name in weights], list(weights.values()), 1 - decay)


def interpolate(
    base: dict[str, torch.Tensor], tuned: dict[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """(1 - share) * base + share * tuned, WiSE-FT (arXiv 2109.01903); exactly `tuned` at 1.

    Of adapters, whose change to the base is the product of A and B, with B zero in the base, B alone is mixed.
    """
    return {
        name: weight if "lora_A" in name else torch.lerp(base[name], weight, share) for name, weight in tuned.items()
    }
