"""CLAP's Swin audio tower with the weights and the numbers of the stock one, in less memory and time.

What the stock layer wastes on a CPU is memory: temporaries of a whole batch are so large that the allocator takes them
from the system and gives them back at every operation. Here a layer takes a few clips at a time. Relative position
bias and shift mask are one term, made once per layer and call; elsewhere than on a CPU attention is one fused kernel.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers.models.clap.modeling_clap import (
    ClapAudioEncoder,
    ClapAudioLayer,
    window_partition,
    window_reverse,
)

CPU_CHUNK = 2**20  # elements of hidden states that a layer takes at a time on a CPU
UNFUSED_DEVICES = ("cpu",)  # whose fused kernel takes longer than plain products at 64 keys


class TeminalAudioLayer(ClapAudioLayer):
    """Swin Transformer block (arXiv 2103.14030), (B, height * width, C) -> the same shape.

    The stock layer runs where attentions are asked for and where windows do not tile the grid.
    """

    def forward(
        self,
        hidden_states: torch.Tensor,
        input_dimensions: tuple[int, int],
        output_attentions: bool | None = False,
        always_partition: bool | None = False,
    ) -> tuple[torch.Tensor, ...]:
        if not always_partition:
            self.set_shift_and_window_size(input_dimensions)
        if output_attentions or any(size % self.window_size for size in input_dimensions):
            return super().forward(hidden_states, input_dimensions, output_attentions, always_partition)
        bias = self.attention_bias(*input_dimensions)
        clips = max(1, CPU_CHUNK // hidden_states.shape[1:].numel())
        if hidden_states.device.type != "cpu" or torch.compiler.is_compiling() or len(hidden_states) <= clips:
            return (self.run(hidden_states, input_dimensions, bias),)
        return (torch.cat([self.run(chunk, input_dimensions, bias) for chunk in hidden_states.split(clips)]),)

    def attention_bias(self, height: int, width: int) -> torch.Tensor:
        """(windows, heads, L, L) to add to the scores of L tokens; 1 for windows where all are alike."""
        attention = self.attention.self
        index = attention.relative_position_index
        bias = attention.relative_position_bias_table[index.view(-1)].view(*index.shape, -1).permute(2, 0, 1)[None]
        mask = self.get_attn_mask(height, width, bias.dtype, bias.device)
        return bias if mask is None else bias + mask[:, None]

    def run(self, hidden_states: torch.Tensor, grid: tuple[int, int], bias: torch.Tensor) -> torch.Tensor:
        image = self.layernorm_before(hidden_states).unflatten(1, grid)
        if self.shift_size > 0:
            image = image.roll((-self.shift_size, -self.shift_size), dims=(1, 2))
        windows = window_partition(image, self.window_size).flatten(1, 2)
        windows = self.attention.output(attend(self.attention.self, windows, bias), windows)
        image = window_reverse(windows, self.window_size, *grid)
        if self.shift_size > 0:
            image = image.roll((self.shift_size, self.shift_size), dims=(1, 2))
        hidden_states = hidden_states + self.drop_path(image.flatten(1, 2))
        return hidden_states + self.output(self.intermediate(self.layernorm_after(hidden_states)))


def attend(attention: nn.Module, windows: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Scaled dot-product attention of each window's tokens among themselves.

    Args:
        attention: the stock layer's `ClapAudioSelfAttention`, whose projections may be LoRA layers.
        windows: (B * windows, L, C), clip by clip.
        bias: (windows or 1, heads, L, L), added to the scores.
    """
    heads, size = attention.num_attention_heads, attention.attention_head_size
    # the windows of a clip stand beside its heads, so that the bias broadcasts over clips
    query, key, value = (
        project(windows).unflatten(2, (heads, size)).transpose(1, 2).unflatten(0, (-1, len(bias))).flatten(1, 2)
        for project in (attention.query, attention.key, attention.value)
    )
    bias = bias.flatten(0, 1)
    if windows.device.type in UNFUSED_DEVICES:
        scores = (query * size**-0.5) @ key.transpose(2, 3) + bias
        context = attention.dropout(scores.softmax(-1)) @ value
    else:
        dropout = attention.dropout.p if attention.training else 0.0
        context = F.scaled_dot_product_attention(query, key, value, bias.to(query.dtype), dropout)
    return context.unflatten(1, (-1, heads)).flatten(0, 1).transpose(1, 2).flatten(2)


def use_fast_layers(encoder: ClapAudioEncoder):
    """Turn the layers of a stock encoder into [`TeminalAudioLayer`]s; parameters and their names stay."""
    for stage in encoder.layers:
        for layer in stage.blocks:
            layer.__class__ = TeminalAudioLayer
