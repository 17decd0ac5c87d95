"""A residual head that sees the order of the audio tower's time positions, which the tower's average does not."""

import torch
from torch import nn
from torch.nn import functional as F

from .configuration_teminal import TeminalConfig


class TemporalHead(nn.Module):
    """Residual summary of *when* things sound; zero-initialised, so that a fresh head changes nothing.

    (B, C, F, T) tower output -> mean over frequency -> P time positions + learned position embedding -> one
    transformer layer -> flatten -> linear -> (B, C), added to the pooled vector before the projection.
    """

    def __init__(self, config: TeminalConfig):
        super().__init__()
        hidden_size = config.audio_config.hidden_size
        self.positions = config.temporal_positions
        self.position_embeddings = nn.Parameter(torch.zeros(self.positions, hidden_size))
        self.layer = nn.TransformerEncoderLayer(
            hidden_size, nhead=4, dim_feedforward=2 * hidden_size, dropout=0.0, norm_first=True, batch_first=True
        )
        self.output = nn.Linear(self.positions * hidden_size, hidden_size)

    def forward(self, last_hidden_state: torch.Tensor) -> torch.Tensor:
        over_time = F.adaptive_avg_pool1d(last_hidden_state.mean(2), self.positions)
        hidden = self.layer(over_time.transpose(1, 2) + self.position_embeddings)
        return self.output(hidden.flatten(1))
