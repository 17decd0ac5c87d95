"""Gradients of a loss over a whole batch in the memory of a part of it (GradCache, arXiv 2101.06983)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch

Part = TypeVar("Part")
Tensors = tuple[torch.Tensor, ...]


def get_random_state(device: torch.device) -> list[torch.Tensor]:
    """Return the states that dropout draws from: the CPU's, and that of an accelerator (CUDA, MPS, ...)."""
    states = [torch.get_rng_state()]
    return states if device.type == "cpu" else [*states, torch.get_device_module(device).get_rng_state(device)]


def set_random_state(state: list[torch.Tensor], device: torch.device) -> None:
    """Go on from [`get_random_state`] of the same device."""
    torch.set_rng_state(state[0])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state[1], device)


def backward_in_parts(
    parts: Sequence[Part],
    embed: Callable[[Part], Tensors],
    compute_losses: Callable[[Tensors], dict[str, torch.Tensor]],
    device: torch.device,
    no_sync: Callable[[], AbstractContextManager] = nullcontext,
) -> dict[str, torch.Tensor]:
    """Leave the gradients of a loss over all parts in the parameters, and return the losses.

    Both are those of one pass over everything; a single part is embedded once, several twice.

    Args:
        embed: part -> tensors whose rows are joined over the parts.
        compute_losses: joined tensors -> named losses, of which "loss" is minimised.
        device: of the random numbers that `embed` draws; both times they are the same.
        no_sync: context in which gradients are not averaged over processes; left for the last part alone.
    """
    if len(parts) == 1:
        losses = compute_losses(embed(parts[0]))
        losses["loss"].backward()
        return losses

    # 1. Embed every part without a graph.
    states, embeds = [], []
    with torch.no_grad():
        for part in parts:
            states.append(get_random_state(device))
            embeds.append(embed(part))
    state_after = get_random_state(device)

    # 2. Compute the loss of all parts, and its gradient in each embedding.
    by_tower = list(zip(*embeds, strict=True))
    joined = tuple(torch.cat(tensors).requires_grad_() for tensors in by_tower)
    losses = compute_losses(joined)
    joined_gradients = torch.autograd.grad(losses["loss"], joined)
    sizes = [[len(tensor) for tensor in tensors] for tensors in by_tower]
    part_gradients = zip(*map(torch.split, joined_gradients, sizes), strict=True)

    # 3. Embed every part again, with a graph, and take its gradients on to the parameters.
    for number, (part, state, gradients) in enumerate(zip(parts, states, part_gradients, strict=True), start=1):
        set_random_state(state, device)
        with no_sync() if number < len(parts) else nullcontext():
            products = [(tensor * gradient).sum() for tensor, gradient in zip(embed(part), gradients, strict=True)]
            torch.stack(products).sum().backward()
    set_random_state(state_after, device)
    return losses
