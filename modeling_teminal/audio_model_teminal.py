"""Embed clips of any length: run the audio tower on their windows, and combine what it gives for each clip."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.clap.modeling_clap import (
    ClapAudioModel,
    ClapAudioModelOutput,
    ClapPreTrainedModel,
    ClapProjectionLayer,
)
from transformers.utils.generic import can_return_tuple

from .audio_teminal import run_in_parts, use_fast_layers
from .clip_time_teminal import average_over_clips, measure_durations
from .configuration_teminal import TeminalConfig
from .temporal_head_teminal import SelfAttention, TemporalHead
from .windows_teminal import split_windows

WINDOWS_AT_ONCE = 8  # that the tower takes in inference, or one for each clip if these are more


class AudioEmbedder:
    """Mixin for models with `audio_model`, `audio_projection` and, if configured, `temporal_head`."""

    @torch.no_grad()
    def _init_weights(self, module: nn.Module):
        super()._init_weights(module)
        if isinstance(module, SelfAttention):
            init.normal_(module.in_proj_weight, std=module.in_proj_weight.shape[1] ** -0.5)
            init.zeros_(module.in_proj_bias)
        elif isinstance(module, TemporalHead):
            init.normal_(module.position_embeddings, std=0.02)
            init.zeros_(module.output.weight)
            init.zeros_(module.output.bias)

    @can_return_tuple
    def get_audio_features(
        self,
        input_features: torch.Tensor,
        is_longer: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        *,
        window_counts: torch.Tensor | None = None,
        num_frames: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutputWithPooling:
        """Embed audio.

        The tower's pooled vectors of a clip's windows are averaged, the temporal head adds what it hears in all of
        them together, and then comes the projection. In inference the tower takes 8 windows at a time, or as many as
        there are clips if these are more, so that long clips need no more memory than short ones.

        Args:
            input_features: (B, windows * channels, frames, mel bins) log-mel windows of B clips, one row per clip, as
                [`TeminalFeatureExtractor`] gives them.
            is_longer: (B, 1) bool, used only by fused checkpoints, for clips of one window.
            attention_mask: not used, as in [`~transformers.ClapModel`].
            window_counts: (B,) long, number of windows of each clip, if `input_features` (W, channels, frames, mel
                bins) has one row per window, clip after clip; `None` for one row per clip.
            num_frames: (B, 1) long, duration of each clip in hops, without what repeats or pads it, used only by the
                temporal head; `None` if clips fill their windows, which lie end to end.

        Returns:
            The tower's output for each window, with `.pooler_output` (B, D), L2-normalised.

        Raises:
            ValueError: `window_counts` or `num_frames` do not fit `input_features`.
        """
        channels = 4 if self.config.audio_config.enable_fusion else 1
        windows = input_features.flatten(0, -4)  # (B, 1, ...) if each row was made alone
        if window_counts is not None:
            window_counts = window_counts.flatten()
        elif windows.shape[1] > channels:
            windows, window_counts = split_windows(windows, channels)
        n_windows, n_clips = windows.shape[0], windows.shape[0] if window_counts is None else window_counts.shape[0]
        if window_counts is not None:
            is_longer = windows.new_zeros((n_windows, 1), dtype=torch.bool)
            if not torch.compiler.is_compiling() and window_counts.sum() != n_windows:
                total = int(window_counts.sum())
                raise ValueError(f"window_counts adds up to {total} windows, input_features has {n_windows}")
        durations = None
        if num_frames is not None and self.config.temporal_head:
            durations = measure_durations(num_frames, window_counts, n_windows, windows.shape[2])
        inputs = {"input_features": windows, "is_longer": is_longer}
        outputs = run_in_parts(self.audio_model, inputs, max(WINDOWS_AT_ONCE, n_clips), **kwargs)
        over_time = outputs.last_hidden_state.mean(2)
        outputs.pooler_output = self.combine_windows(outputs.pooler_output, over_time, window_counts, durations)
        return outputs

    def encode_windows(
        self, windows: torch.Tensor, is_longer: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Encode windows, all at once, to what [`~AudioEmbedder.combine_windows`] makes embeddings of.

        With it, a clip that does not fit into memory is embedded a few windows at a time.

        Args:
            windows: (W, channels, frames, mel bins).
            is_longer: (W, 1) bool, needed only by fused checkpoints.

        Returns:
            The tower's pooled vectors (W, C), and its output averaged over frequency (W, C, T).
        """
        outputs = self.audio_model(input_features=windows, is_longer=is_longer, return_dict=True)
        return outputs.pooler_output, outputs.last_hidden_state.mean(2)

    def combine_windows(
        self,
        pooled: torch.Tensor,
        over_time: torch.Tensor,
        window_counts: torch.Tensor | None = None,
        durations: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Combine encoded windows, clip after clip, to the embeddings of B clips.

        Args:
            pooled, over_time: of all windows, see [`~AudioEmbedder.encode_windows`].
            window_counts: (B,) long, number of windows of each clip; `None`: one each.
            durations: (B,) of the clips, in windows, see [`measure_durations`]; `None`: all windows, end to end.

        Returns:
            (B, D), L2-normalised.
        """
        clips = pooled if window_counts is None else average_over_clips(pooled, window_counts)
        if self.config.temporal_head:
            own_time = durations if self.config.own_time else None
            clips = clips + self.temporal_head(over_time, window_counts, own_time)
        return F.normalize(self.audio_projection(clips), dim=-1)


class TeminalAudioModelWithProjection(AudioEmbedder, ClapPreTrainedModel):
    """[`~transformers.ClapAudioModelWithProjection`] with temporal head; loads any CLAP or TeminAL checkpoint."""

    config_class = TeminalConfig
    config: TeminalConfig
    main_input_name = "input_features"
    input_modalities = "audio"
    supports_gradient_checkpointing = True
    _keys_to_ignore_on_load_unexpected = (r"^text_model\.", r"^text_projection\.", r"^logit_scale_[at]$")

    def __init__(self, config: TeminalConfig):
        super().__init__(config)
        self.audio_model = ClapAudioModel(config.audio_config)
        use_fast_layers(self.audio_model.audio_encoder)
        self.audio_projection = ClapProjectionLayer(config.audio_config)
        if config.temporal_head:
            self.temporal_head = TemporalHead(config)
        self.post_init()

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.audio_model.audio_encoder.patch_embed.proj

    @can_return_tuple
    def forward(
        self,
        input_features: torch.Tensor,
        is_longer: torch.Tensor | None = None,
        *,
        num_frames: torch.Tensor | None = None,
        **kwargs,
    ) -> ClapAudioModelOutput:
        """Embed audio; arguments as for [`~AudioEmbedder.get_audio_features`].

        Returns:
            `ClapAudioModelOutput` with `audio_embeds` (B, D), L2-normalised, the same as from [`TeminalModel`].
        """
        kwargs["return_dict"] = True
        outputs = self.get_audio_features(input_features, is_longer, num_frames=num_frames, **kwargs)
        return ClapAudioModelOutput(
            audio_embeds=outputs.pooler_output,
            last_hidden_state=outputs.last_hidden_state,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


TeminalAudioModelWithProjection.register_for_auto_class("AutoModel")
