"""LoRA (arXiv 2106.09685) on either tower of a CLAP model or on both, through PEFT.

Batch norm statistics and temperatures are the base model's: neither is trained, so adapter and base together are the
whole model. `peft_model.merge_and_unload().save_pretrained(folder)` writes a plain checkpoint.
"""

from typing import Any

from peft import LoraConfig, PeftModel, get_peft_model

from modeling_teminal import TeminalConfig, TeminalModel

AUDIO_LAYERS = r"audio_model\..*\.(query|key|value|dense)|audio_projection\.linear[12]"
TEXT_LAYERS = r"text_model\.encoder\..*\.(query|key|value|dense)|text_projection\.linear[12]"
TARGETS = {"audio": AUDIO_LAYERS, "text": TEXT_LAYERS, "both": f"{AUDIO_LAYERS}|{TEXT_LAYERS}"}


class TeminalLoraConfig(LoraConfig):
    """LoRA that `AutoPeftModel.from_pretrained(folder, trust_remote_code=True)` loads with its base.

    PEFT writes the Python module of the base's class, which others do not have; the base itself says what it is. For a
    base without the temporal head that the adapter brings there is no class that makes both: then nothing is written.
    """

    def save_pretrained(self, save_directory: str, **kwargs: Any) -> None:
        auto_model = {"base_model_class": "AutoModel", "parent_library": "transformers"}
        kwargs["auto_mapping_dict"] = auto_model if self._base_is_whole() else None
        super().save_pretrained(save_directory, **kwargs)

    def _base_is_whole(self) -> bool:
        if not self.base_model_name_or_path:
            return False
        try:
            base, _ = TeminalConfig.get_config_dict(self.base_model_name_or_path, local_files_only=True)
        except OSError:  # gone
            return False
        return base.get("temporal_head", False) or "temporal_head" not in (self.modules_to_save or ())


def lora_config(
    towers: str, rank: int = 16, alpha: int = 16, dropout: float = 0.0, modules_to_save: list[str] | None = None
) -> LoraConfig:
    """Configure LoRA on attention, MLP and projection layers of `"audio"`, `"text"` or `"both"` towers.

    The others are PEFT's `r`, `lora_alpha`, `lora_dropout` and `modules_to_save`, which are trained and saved whole.
    """
    if towers not in TARGETS:
        raise ValueError(f"--lora {towers}: choose of {', '.join(TARGETS)}")
    targets = TARGETS[towers]
    return TeminalLoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, modules_to_save=modules_to_save
    )


def add_adapters(model: TeminalModel, towers: str, rank: int, alpha: int) -> PeftModel:
    """Add adapters that start without effect; a temporal head is trained whole."""
    head = ["temporal_head"] if model.config.temporal_head else None
    return get_peft_model(model, lora_config(towers, rank, alpha, modules_to_save=head))
