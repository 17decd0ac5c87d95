"""Configuration of a TeminAL model: a CLAP configuration plus the optional temporal head."""

from transformers import ClapConfig

# Stock classes would load a checkpoint without its temporal head and give other embeddings, so they must fail.
# `AutoModel` and `pipeline` fail without `trust_remote_code`, because they do not know its `model_type`; `ClapModel`,
# `ClapAudioModel` and `ClapAudioModelWithProjection` ignore `model_type`. So the saved `audio_config` has this
# sentence in place of a size that they all need: transformers shows it in its error. [`TeminalConfig`] restores the
# size from `KEPT`. `ClapTextModelWithProjection` reads only `text_config`, and its embeddings are right.
REFUSAL = (
    "this checkpoint has a temporal head, which stock CLAP classes leave out: load it with AutoModel.from_pretrained("
    "..., trust_remote_code=True) or TeminalModel"
)
GUARDED, KEPT = "spec_size", "spec_size_with_temporal_head"


class TeminalConfig(ClapConfig):
    """Configuration of [`TeminalModel`].

    Args:
        temporal_head (`bool`, defaults to `False`): add a residual head that sees the order of the audio tower's
            time positions. Without it the checkpoint is saved as a plain CLAP (`model_type: "clap"`), which stock
            `ClapModel` loads; with it, as `"teminal"`, which stock classes refuse.
        temporal_positions (`int`, defaults to 8): number of time positions that the head sees.
        own_time (`bool`, defaults to `True`): the positions cover each clip from its start to its end; without, they
            cover its windows, with what repeats or pads it.

    All other arguments are those of [`~transformers.ClapConfig`].

    Raises:
        ValueError: a size is below 1, or sizes of the audio tower do not fit together.
    """

    model_type = "teminal"

    temporal_head: bool = False
    temporal_positions: int = 8
    own_time: bool = True

    def __post_init__(self, **kwargs):
        if isinstance(self.audio_config, dict) and KEPT in self.audio_config:
            self.audio_config = {**self.audio_config, GUARDED: self.audio_config[KEPT]}
            del self.audio_config[KEPT]
        super().__post_init__(**kwargs)
        audio = self.audio_config
        stages = {"depths": audio.depths, "num_attention_heads": audio.num_attention_heads}
        sizes = {
            "spec_size": audio.spec_size,
            "num_mel_bins": audio.num_mel_bins,
            "window_size": audio.window_size,
            **{f"{name}[{i}]": size for name, values in stages.items() for i, size in enumerate(values)},
            "temporal_positions": self.temporal_positions,
            "projection_dim": self.projection_dim,
        }
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
        """Read a plain CLAP as a model without temporal head, without the warning about its `model_type`."""
        values, kwargs = super().get_config_dict(*args, **kwargs)
        if values.get("model_type") == "clap":
            values["model_type"] = cls.model_type
        return values, kwargs

    def to_dict(self) -> dict:
        """Serialise as a plain CLAP without a temporal head, and with one so that stock classes fail."""
        output = super().to_dict()
        if self.temporal_head:
            output["audio_config"] |= {GUARDED: REFUSAL, KEPT: self.audio_config.spec_size}
        else:
            output["model_type"] = "clap"
            for name in ("temporal_head", "temporal_positions", "own_time"):
                output.pop(name, None)
        return output


TeminalConfig.register_for_auto_class()
