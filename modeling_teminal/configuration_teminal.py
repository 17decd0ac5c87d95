"""Configuration of a TeminAL model: a CLAP configuration plus the optional temporal head."""

from transformers import ClapConfig


class TeminalConfig(ClapConfig):
    """Configuration of [`TeminalModel`].

    Args:
        temporal_head (`bool`, defaults to `False`): add a residual head that sees the order of the audio tower's
            time positions. Without it the checkpoint is a plain CLAP and says `model_type: "clap"` when saved, so
            that stock `ClapModel` loads it; with it, it says `"teminal"`, so that `AutoModel` and `pipeline` refuse
            it without trust instead of silently giving other embeddings (`ClapModel.from_pretrained` warns only).
        temporal_positions (`int`, defaults to 8): number of time positions that the head looks at.

    All other arguments are those of [`~transformers.ClapConfig`].
    """

    model_type = "teminal"

    temporal_head: bool = False
    temporal_positions: int = 8

    def to_dict(self) -> dict:
        output = super().to_dict()
        if not self.temporal_head:
            output["model_type"] = "clap"
            output.pop("temporal_head", None)
            output.pop("temporal_positions", None)
        return output


TeminalConfig.register_for_auto_class()
