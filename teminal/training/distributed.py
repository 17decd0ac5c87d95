"""Gather embeddings over all processes with exact gradients."""

import torch
from torch import distributed
from torch.distributed.nn.functional import all_gather


def gather_rows(embeds: torch.Tensor) -> torch.Tensor:
    """(n, D) on each process -> (n * processes, D), rank after rank.

    With the full loss computed on every process and gradients averaged, as DDP does, the gradient is that of one
    process with the whole batch.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return embeds
    return torch.cat(all_gather(embeds.contiguous()))
