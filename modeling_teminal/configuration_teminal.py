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

    Raises:
        ValueError: sizes of the audio tower that do not go together, or no time position for the head.
    """

    model_type = "teminal"

    temporal_head: bool = False
    temporal_positions: int = 8

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        audio = self.audio_config
        stages = {"depths": audio.depths, "num_attention_heads": audio.num_attention_heads}
        sizes = {"spec_size": audio.spec_size, "num_mel_bins": audio.num_mel_bins, "window_size": audio.window_size}
        sizes |= {f"{name}[{i}]": size for name, values in stages.items() for i, size in enumerate(values)}
        sizes |= {"temporal_positions": self.temporal_positions, "projection_dim": self.projection_dim}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name}={size} in the configuration: must be at least 1")
        if len(audio.depths) != len(audio.num_attention_heads):
            raise ValueError(
                f"depths={audio.depths} and num_attention_heads={audio.num_attention_heads}: one per stage"
            )
        if audio.spec_size % audio.num_mel_bins:
            raise ValueError(f"spec_size={audio.spec_size} must be a multiple of num_mel_bins={audio.num_mel_bins}")

    @classmethod
    def get_config_dict(cls, *args, **kwargs) -> tuple[dict, dict]:
        """As the base class; a plain CLAP is one without temporal head, which needs no warning."""
        values, kwargs = super().get_config_dict(*args, **kwargs)
        if values.get("model_type") == "clap":
            values["model_type"] = cls.model_type
        return values, kwargs

    def to_dict(self) -> dict:
        output = super().to_dict()
        if not self.temporal_head:
            output["model_type"] = "clap"
            output.pop("temporal_head", None)
            output.pop("temporal_positions", None)
        return output


TeminalConfig.register_for_auto_class()
