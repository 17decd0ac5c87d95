"""Embed audio with the audio tower and temporal head of a checkpoint, with or without its text tower."""

import torch
from transformers.models.clap.modeling_clap import (
    ClapAudioModel,
    ClapAudioModelOutput,
    ClapPreTrainedModel,
    ClapProjectionLayer,
)
from transformers.utils.generic import can_return_tuple

from .audio_embedder_teminal import AudioEmbedder
from .audio_teminal import use_fast_layers
from .configuration_teminal import TeminalConfig
from .temporal_head_teminal import TemporalHead


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
