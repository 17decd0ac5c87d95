"""LoRA (arXiv 2106.09685) on either tower of a CLAP model or on both, through PEFT.

Batch norm statistics and temperatures are the base model's: neither is trained, so adapter and base together are the
whole model. `peft_model.merge_and_unload().save_pretrained(folder)` writes a plain checkpoint.
"""

from peft import LoraConfig, PeftModel, get_peft_model

from modeling_teminal import TeminalModel

AUDIO_LAYERS = r"audio_model\..*\.(query|key|value|dense)|audio_projection\.linear[12]"
TEXT_LAYERS = r"text_model\.encoder\..*\.(query|key|value|dense)|text_projection\.linear[12]"
TARGETS = {"audio": AUDIO_LAYERS, "text": TEXT_LAYERS, "both": f"{AUDIO_LAYERS}|{TEXT_LAYERS}"}


def lora_config(
    towers: str, rank: int = 16, alpha: int = 16, dropout: float = 0.0, modules_to_save: list[str] | None = None
) -> LoraConfig:
    """LoRA on attention, MLP and projection layers.

    Args:
        towers: `"audio"`, `"text"` or `"both"`.
        rank, alpha, dropout: as PEFT's `r`, `lora_alpha` and `lora_dropout`.
        modules_to_save: trained and saved whole.
    """
    if towers not in TARGETS:
        raise ValueError(f"--lora {towers}: choose of {', '.join(TARGETS)}")
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=TARGETS[towers],
        modules_to_save=modules_to_save,
    )


def add_adapters(model: TeminalModel, towers: str, rank: int, alpha: int) -> PeftModel:
    """The model with adapters that start without effect; a temporal head is trained whole."""
    head = ["temporal_head"] if model.config.temporal_head else None
    return get_peft_model(model, lora_config(towers, rank, alpha, modules_to_save=head))
