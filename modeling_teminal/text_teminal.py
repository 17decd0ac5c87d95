"""Run CLAP's text tower with fused attention, and check that captions fit it."""

import torch
from transformers import ClapTextConfig
from transformers.models.clap.modeling_clap import ClapTextModel, ClapTextSelfAttention

from .attention_teminal import attend


class TeminalTextSelfAttention(ClapTextSelfAttention):
    """Self-attention by the fused kernel; with `output_attentions` the stock layer runs instead."""

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if kwargs.get("output_attentions", self.config.output_attentions):
            return super().forward(hidden_states, attention_mask, **kwargs)
        query, key, value = (
            project(hidden_states).unflatten(2, (self.num_attention_heads, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        dropout = self.attention_dropout if self.training else 0.0
        context = attend(query, key, value, attention_mask, dropout)
        return context.transpose(1, 2).flatten(2), None


def use_sdpa(text_model: ClapTextModel):
    """Turn the attention layers of a stock text tower into [`TeminalTextSelfAttention`]s, in place."""
    for module in text_model.modules():
        if isinstance(module, ClapTextSelfAttention):
            module.__class__ = TeminalTextSelfAttention


def longest_caption(config: ClapTextConfig) -> int:
    """Get the most tokens that the tower takes: positions are counted from `pad_token_id` + 1."""
    return config.max_position_embeddings - config.pad_token_id - 1


def check_length(input_ids: torch.Tensor, config: ClapTextConfig):
    """Check that captions fit the text tower.

    Args:
        input_ids: (T, L) tokenised captions.

    Raises:
        ValueError: a caption is too long, or padded to more positions than the tower has.
    """
    limit, n_tokens = longest_caption(config), input_ids.shape[1]
    if n_tokens <= limit:
        return
    longest = int(input_ids.ne(config.pad_token_id).sum(1).max())
    if longest > limit:
        raise ValueError(
            f"input_ids has a caption of {longest} tokens, the text tower takes {limit}: tokenise with "
            f"truncation=True, max_length={limit}, or shorten the caption"
        )
    if n_tokens > config.max_position_embeddings:
        raise ValueError(
            f"input_ids is padded to {n_tokens} tokens, the text tower takes {limit}: tokenise with padding=True, or "
            f"max_length={limit}"
        )
