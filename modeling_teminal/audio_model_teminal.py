"""Embed audio with the audio tower and temporal head of a checkpoint, with or without its text tower."""

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

from .audio_teminal import use_fast_layers
from .configuration_teminal import TeminalConfig
from .temporal_head_teminal import SelfAttention, TemporalHead
from .windows_teminal import average_windows, split_windows


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
        **kwargs,
    ) -> BaseModelOutputWithPooling:
        """Embed audio.

        Args:
            input_features: (B, windows * channels, frames, mel bins) log-mel windows of B clips, one row per clip, as
                [`TeminalFeatureExtractor`] gives them; the embeddings of a clip's windows are averaged.
            is_longer: (B, 1) bool, used only by fused checkpoints, for clips of one window.
            attention_mask: not used, as in [`~transformers.ClapModel`].
            window_counts: (B,) long, number of windows of each clip, if `input_features` (W, channels, frames, mel
                bins) has one row per window, clip after clip; `None` for one row per clip.

        Returns:
            The tower's output with `.pooler_output` (B, D), L2-normalised.
        """
        channels = 4 if self.config.audio_config.enable_fusion else 1
        input_features = input_features.flatten(0, -4)  # (B, 1, ...) if each row was made alone
        weights = None
        if window_counts is None and input_features.shape[1] > channels:
            input_features, weights, window_counts = split_windows(input_features, channels)
            is_longer = torch.zeros_like(weights, dtype=torch.bool)[:, None]
        outputs = self.audio_model(input_features=input_features, is_longer=is_longer, **kwargs, return_dict=True)
        pooled = outputs.pooler_output
        if self.config.temporal_head:
            pooled = pooled + self.temporal_head(outputs.last_hidden_state)
        embeds = F.normalize(self.audio_projection(pooled), dim=-1)
        if weights is not None:
            embeds = embeds * weights[:, None]
        if window_counts is not None:
            embeds = average_windows(embeds, window_counts.flatten())
        outputs.pooler_output = embeds
        return outputs


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
        self, input_features: torch.Tensor, is_longer: torch.Tensor | None = None, **kwargs
    ) -> ClapAudioModelOutput:
        """Embed audio; arguments as for [`~AudioEmbedder.get_audio_features`].

        Returns:
            `ClapAudioModelOutput` with `audio_embeds` (B, D), L2-normalised, the same as from [`TeminalModel`].
        """
        kwargs["return_dict"] = True
        outputs = self.get_audio_features(input_features, is_longer, **kwargs)
        return ClapAudioModelOutput(
            audio_embeds=outputs.pooler_output,
            last_hidden_state=outputs.last_hidden_state,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


TeminalAudioModelWithProjection.register_for_auto_class("AutoModel")
