"""Compute the gradients of a large batch in the memory of a small one (GradCache, arXiv 2101.06983)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch

Part = TypeVar("Part")
Tensors = tuple[torch.Tensor, ...]


def get_random_state(device: torch.device) -> list[torch.Tensor]:
    """Return the state of PyTorch's random generator on the CPU, and on `device` if it is another."""
    states = [torch.get_rng_state()]
    return states if device.type == "cpu" else [*states, torch.get_device_module(device).get_rng_state(device)]


def set_random_state(state: list[torch.Tensor], device: torch.device) -> None:
    """Restore a state that [`get_random_state`] returned for the same device."""
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
    """Add the gradients of a loss over all parts to the parameters, and return the losses.

    Both equal those of a single pass over the whole batch. Each part is embedded twice, with the same random numbers.

    Args:
        embed: part -> tensors, whose rows are concatenated over the parts.
        compute_losses: concatenated tensors -> named losses, of which "loss" is minimised.
        device: where `embed` draws random numbers, as for dropout.
        no_sync: context in which DDP does not average gradients; the last part runs outside it.
    """
    # 1. Embed every part without gradients.
    states, embeds = [], []
    with torch.no_grad():
        for part in parts:
            states.append(get_random_state(device))
            embeds.append(embed(part))
    state_after = get_random_state(device)

    # 2. Compute the loss of all parts and its gradients by the embeddings.
    by_tower = list(zip(*embeds, strict=True))
    joined = tuple(torch.cat(tensors).requires_grad_() for tensors in by_tower)
    losses = compute_losses(joined)
    joined_gradients = torch.autograd.grad(losses["loss"], joined)
    sizes = [[len(tensor) for tensor in tensors] for tensors in by_tower]
    part_gradients = zip(*map(torch.split, joined_gradients, sizes), strict=True)

    # 3. Embed every part again and propagate its gradients to the parameters.
    for number, (part, state, gradients) in enumerate(zip(parts, states, part_gradients, strict=True), start=1):
        set_random_state(state, device)
        with no_sync() if number < len(parts) else nullcontext():
            products = [(tensor * gradient).sum() for tensor, gradient in zip(embed(part), gradients, strict=True)]
            torch.stack(products).sum().backward()
    set_random_state(state_after, device)
    return losses
