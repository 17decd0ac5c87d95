"""LoRA (arXiv 2106.09685) on either tower of a CLAP model or on both, through PEFT.

Batch norm statistics and temperatures are the base model's: neither is trained, so adapter and base together are the
whole model. `peft_model.merge_and_unload().save_pretrained(folder)` writes a plain checkpoint.
"""

import json
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model

from modeling_teminal import TeminalConfig, TeminalModel

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


def save_adapter(model: PeftModel, folder: Path) -> None:
    """Save the adapter, such that `AutoPeftModel.from_pretrained(folder, trust_remote_code=True)` loads it.

    PEFT writes the Python module of the base's class, which others do not have; the base itself says what it is. A
    base without the temporal head that the adapter brings has no class to be loaded by: `auto_mapping` is empty then.
    """
    model.save_pretrained(folder)
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    base = config["base_model_name_or_path"]
    has_head = bool(base) and TeminalConfig.get_config_dict(base)[0].get("temporal_head", False)
    loadable = bool(base) and has_head == model.config.temporal_head
    auto_model = {"base_model_class": "AutoModel", "parent_library": "transformers"}
    config["auto_mapping"] = auto_model if loadable else None
    file.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
