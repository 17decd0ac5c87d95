"""Compute attention by the fused kernel, in the precision in which it trains fastest."""

import torch
from torch.nn import functional as F

from .waveform_teminal import without_autocast


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    dropout: float = 0.0,
) -> torch.Tensor:
    """Compute [`torch.nn.functional.scaled_dot_product_attention`].

    On a CPU it trains in fp32: in bf16 the kernel's backward pass sets up its products anew for every sample and head,
    and takes several times as long.
    """
    if query.device.type != "cpu" or query.dtype == torch.float32 or not query.requires_grad:
        return F.scaled_dot_product_attention(query, key, value, attention_mask, dropout)
    mask = attention_mask
    if mask is not None and mask.is_floating_point():
        mask = mask.float()
    with without_autocast("cpu"):
        context = F.scaled_dot_product_attention(query.float(), key.float(), value.float(), mask, dropout)
    return context.to(query.dtype)
