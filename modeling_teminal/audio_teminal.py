"""Run CLAP's Swin audio tower in less memory and time, with the stock weights and outputs.

On a CPU a layer processes a few clips at a time: the temporaries of a whole batch are so large that the allocator
requests them from the system at every operation. Relative position bias and shift mask are added once per layer and
call. On other devices attention is one fused kernel.
"""

import torch
from torch.nn import functional as F
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.clap.modeling_clap import (
    ClapAudioAttention,
    ClapAudioEncoder,
    ClapAudioLayer,
    ClapAudioModel,
    ClapAudioSelfAttention,
    window_partition,
    window_reverse,
)

CPU_CHUNK = 2**20  # elements of hidden states that a layer processes at a time on a CPU
UNFUSED_DEVICES = ("cpu",)  # where matrix products are faster than the fused kernel, at 64 keys


class TeminalAudioSelfAttention(ClapAudioSelfAttention):
    """Scaled dot-product attention within each window."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_attentions: bool | None = False,
        bias: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Args:
            hidden_states: (B * windows, L, C), clip by clip.
            attention_mask: (windows, L, L), added to the scores.
            bias: second output of an earlier call with the same mask, to be reused.

        Returns:
            The context, shaped like `hidden_states`, and the sum of relative position bias and mask, (windows or 1,
            heads, L, L); with `output_attentions`, the outputs of the stock class.
        """
        if output_attentions:
            return super().forward(hidden_states, attention_mask, output_attentions)
        if bias is None:
            bias = self.position_bias()
            bias = bias if attention_mask is None else bias + attention_mask[:, None]
        # windows and heads of a clip share one axis, so that the bias broadcasts over clips
        query, key, value = (
            project(hidden_states)
            .unflatten(2, (self.num_attention_heads, self.attention_head_size))
            .transpose(1, 2)
            .unflatten(0, (-1, len(bias)))
            .flatten(1, 2)
            for project in (self.query, self.key, self.value)
        )
        term = bias.flatten(0, 1)
        if hidden_states.device.type in UNFUSED_DEVICES:
            scores = (query * self.attention_head_size**-0.5) @ key.transpose(2, 3) + term
            context = self.dropout(scores.softmax(-1)) @ value
        else:
            dropout = self.dropout.p if self.training else 0.0
            context = F.scaled_dot_product_attention(query, key, value, term.to(query.dtype), dropout)
        context = context.unflatten(1, (-1, self.num_attention_heads)).flatten(0, 1).transpose(1, 2).flatten(2)
        return context, bias

    def position_bias(self) -> torch.Tensor:
        """Look up the relative position bias, (1, heads, L, L)."""
        index = self.relative_position_index
        return self.relative_position_bias_table[index.view(-1)].view(*index.shape, -1).permute(2, 0, 1)[None]


class TeminalAudioAttention(ClapAudioAttention):
    """Self-attention and its output layer; arguments and second output are those of the self-attention."""

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_attentions: bool | None = False,
        bias: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        context, second = self.self(hidden_states, attention_mask, output_attentions, bias)
        return self.output(context, hidden_states), second


class TeminalAudioLayer(ClapAudioLayer):
    """Swin Transformer block (arXiv 2103.14030), (B, height * width, C) -> the same shape.

    With `output_attentions`, or if windows do not tile the grid, the stock layer runs instead.
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
        mask = self.get_attn_mask(*input_dimensions, hidden_states.dtype, hidden_states.device)
        clips = max(1, CPU_CHUNK // hidden_states.shape[1:].numel())
        traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # a graph must take any batch size
        if hidden_states.device.type != "cpu" or traced or len(hidden_states) <= clips:
            return (self.run(hidden_states, input_dimensions, mask)[0],)
        outputs, bias = [], None
        for chunk in hidden_states.split(clips):
            output, bias = self.run(chunk, input_dimensions, mask, bias)
            outputs.append(output)
        return (torch.cat(outputs),)

    def run(self, hidden_states, grid, mask, bias=None) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the block on some clips; also return the bias, for the next ones."""
        image = self.layernorm_before(hidden_states).unflatten(1, grid)
        if self.shift_size > 0:
            image = image.roll((-self.shift_size, -self.shift_size), dims=(1, 2))
        windows = window_partition(image, self.window_size).flatten(1, 2)
        windows, bias = self.attention(windows, mask, bias=bias)
        image = window_reverse(windows, self.window_size, *grid)
        if self.shift_size > 0:
            image = image.roll((self.shift_size, self.shift_size), dims=(1, 2))
        hidden_states = hidden_states + self.drop_path(image.flatten(1, 2))
        return hidden_states + self.output(self.intermediate(self.layernorm_after(hidden_states))), bias


def use_fast_layers(encoder: ClapAudioEncoder):
    """Turn the layers of a stock encoder into [`TeminalAudioLayer`]s, in place; parameters and their names stay."""
    for stage in encoder.layers:
        for layer in stage.blocks:
            layer.__class__ = TeminalAudioLayer
            layer.attention.__class__ = TeminalAudioAttention
            layer.attention.self.__class__ = TeminalAudioSelfAttention


def run_in_parts(
    tower: ClapAudioModel, inputs: dict[str, torch.Tensor | None], at_once: int, **kwargs
) -> BaseModelOutputWithPooling:
    """Run the tower on all rows of `inputs`, in inference `at_once` at a time, to the same outputs."""
    n_rows = inputs["input_features"].shape[0]
    is_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()
    if tower.training or torch.is_grad_enabled() or is_graph or n_rows <= at_once:
        return tower(**inputs, return_dict=True, **kwargs)
    parts = []
    for start in range(0, n_rows, at_once):
        rows = {name: value[start : start + at_once] for name, value in inputs.items()}
        parts.append(tower(**rows, return_dict=True, **kwargs))
    joined = {}
    for name, values in parts[0].items():
        if isinstance(values, tuple):  # of all layers
            joined[name] = tuple(map(torch.cat, zip(*(part[name] for part in parts), strict=True)))
        else:
            joined[name] = torch.cat([part[name] for part in parts])
    return BaseModelOutputWithPooling(**joined)
