"""CLAP with faster towers, audio of any length, the TNCE loss and an optional temporal head."""

import torch
from torch.nn import functional as F
from transformers import ClapModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.clap.modeling_clap import ClapOutput
from transformers.utils.generic import can_return_tuple

from .audio_model_teminal import AudioEmbedder
from .audio_teminal import use_fast_layers
from .configuration_teminal import TeminalConfig
from .loss_teminal import tnce_loss
from .temporal_head_teminal import TemporalHead
from .text_teminal import check_length, use_sdpa


class TeminalModel(AudioEmbedder, ClapModel):
    """[`~transformers.ClapModel`] with the same state-dict keys, plus `temporal_head.*` if configured.

    `from_pretrained` loads any CLAP, such as "laion/clap-htsat-unfused", or TeminAL checkpoint.
    """

    config_class = TeminalConfig
    config: TeminalConfig
    supports_gradient_checkpointing = True

    def __init__(self, config: TeminalConfig):
        super().__init__(config)
        use_fast_layers(self.audio_model.audio_encoder)
        use_sdpa(self.text_model)
        if config.temporal_head:
            self.temporal_head = TemporalHead(config)
            self.post_init()

    @can_return_tuple
    def get_text_features(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutputWithPooling:
        """Embed captions.

        Args:
            input_ids, attention_mask, position_ids: (T, L) tokenised captions.

        Returns:
            The tower's output with `.pooler_output` (T, D), L2-normalised.

        Raises:
            ValueError: a caption has more tokens than the text tower takes.
        """
        check_length(input_ids, self.config.text_config)
        outputs = self.text_model(
            input_ids, attention_mask=attention_mask, position_ids=position_ids, **kwargs, return_dict=True
        )
        outputs.pooler_output = F.normalize(self.text_projection(outputs.pooler_output), dim=-1)
        return outputs

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor,
        input_features: torch.Tensor,
        is_longer: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        return_loss: bool | None = None,
        *,
        window_counts: torch.Tensor | None = None,
        num_frames: torch.Tensor | None = None,
        group: torch.LongTensor | None = None,
        variant: torch.LongTensor | None = None,
        holds: torch.BoolTensor | None = None,
        **kwargs,
    ) -> ClapOutput:
        """Embed audio and text and score each audio with each text.

        Args:
            input_ids, attention_mask, position_ids: (T, L) tokenised captions.
            input_features, is_longer, window_counts, num_frames: as for [`~AudioEmbedder.get_audio_features`].
            return_loss: also return the contrastive loss, the mean of audio->text and text->audio; caption n must
                belong to audio n.
            group, variant, holds: with `return_loss`, give all three to get [`tnce_loss`].

        Returns:
            `ClapOutput` with `logits_per_audio` (B, T), `logits_per_text` (T, B) and both normalised embeddings.
        """
        kwargs["return_dict"] = True
        windows = {"window_counts": window_counts, "num_frames": num_frames}
        audio = self.get_audio_features(input_features, is_longer, **windows, **kwargs)
        text = self.get_text_features(input_ids, attention_mask, position_ids, **kwargs)
        cosine = audio.pooler_output @ text.pooler_output.T
        logits_per_audio = cosine * self.logit_scale_a.exp()
        logits_per_text = cosine.T * self.logit_scale_t.exp()

        loss = None
        if return_loss:
            if len(logits_per_audio) != len(logits_per_text):
                raise ValueError(
                    f"return_loss needs one caption per audio, got {len(logits_per_audio)} audios and "
                    f"{len(logits_per_text)} captions"
                )
            if holds is None:
                target = torch.arange(len(cosine), device=cosine.device)
                loss = (F.cross_entropy(logits_per_audio, target) + F.cross_entropy(logits_per_text, target)) / 2
            else:
                scales = self.logit_scale_a.exp(), self.logit_scale_t.exp()
                embeds = audio.pooler_output, text.pooler_output
                loss = tnce_loss(*embeds, *scales, group=group, variant=variant, holds=holds)
        return ClapOutput(
            loss=loss,
            logits_per_audio=logits_per_audio,
            logits_per_text=logits_per_text,
            text_embeds=text.pooler_output,
            audio_embeds=audio.pooler_output,
            text_model_output=text,
            audio_model_output=audio,
        )


TeminalModel.register_for_auto_class("AutoModel")
