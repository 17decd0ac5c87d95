"""Add a head that sees the order of sounds in a clip of any length, which the audio tower averages away."""

import torch
from torch import nn
from torch.nn import functional as F

from .attention_teminal import attend
from .clip_time_teminal import pool_over_clips
from .configuration_teminal import TeminalConfig


class TemporalHead(nn.Module):
    """Residual head over the time of each clip, zero-initialised: a new head changes nothing.

    (W, C, T) tower output over time -> P positions over each clip's own duration + learned position embedding -> one
    transformer layer -> flatten -> linear -> (B, C), added to the pooled vector before the projection.
    """

    def __init__(self, config: TeminalConfig):
        super().__init__()
        hidden_size = config.audio_config.hidden_size
        self.positions = config.temporal_positions
        self.position_embeddings = nn.Parameter(torch.zeros(self.positions, hidden_size))
        self.layer = TransformerLayer(hidden_size, num_heads=4)
        self.output = nn.Linear(self.positions * hidden_size, hidden_size)

    def forward(
        self,
        over_time: torch.Tensor,
        window_counts: torch.Tensor | None = None,
        durations: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Arguments as for [`pool_over_clips`]; (B, C)."""
        positions = pool_over_clips(over_time, self.positions, window_counts, durations)
        hidden = self.layer(positions + self.position_embeddings)
        return self.output(hidden.flatten(1))


class TransformerLayer(nn.Module):
    """Pre-norm transformer layer with ReLU, (B, P, C) -> (B, P, C), with the keys of `nn.TransformerEncoderLayer`.

    In inference that class reads the weights of its modules without calling them, which skips their adapters, hooks,
    offloading and quantisation.
    """

    def __init__(self, hidden_size: int, num_heads: int):
        super().__init__()
        self.self_attn = SelfAttention(hidden_size, num_heads)
        self.linear1 = nn.Linear(hidden_size, 2 * hidden_size)
        self.linear2 = nn.Linear(2 * hidden_size, hidden_size)
        self.norm1 = nn.LayerNorm(hidden_size)
        self.norm2 = nn.LayerNorm(hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        hidden = hidden + self.self_attn(self.norm1(hidden))
        return hidden + self.linear2(F.relu(self.linear1(self.norm2(hidden))))


class SelfAttention(nn.Module):
    """Multi-head self-attention, (B, P, C) -> (B, P, C), with the keys of `nn.MultiheadAttention`."""

    def __init__(self, hidden_size: int, num_heads: int):
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size={hidden_size} must be a multiple of the temporal head's {num_heads} heads")
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * hidden_size, hidden_size))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * hidden_size))
        self.out_proj = nn.Linear(hidden_size, hidden_size)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        projected = F.linear(hidden, self.in_proj_weight, self.in_proj_bias)
        query, key, value = projected.unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind()
        context = attend(query, key, value)
        return self.out_proj(context.transpose(1, 2).flatten(2))
