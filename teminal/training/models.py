"""Load, adapt, mix and save the model of a run."""

import copy
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import nn
from transformers import ClapProcessor

from modeling_teminal import TeminalConfig, TeminalModel
from teminal.clips import ClipBank
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import embed_captions, embed_waveforms
from teminal.evaluation.test_vectors import write_test_vector
from teminal.training.config import TrainingConfig
from teminal.training.scratch import build_scratch_clap, load_text_encoder
from teminal.training.state import Weights, copy_weights, set_weights

AUDIO_LAYERS = r"audio_model\..*\.(query|key|value|dense)|audio_projection\.linear[12]"
TEXT_LAYERS = r"text_model\.encoder\..*\.(query|key|value|dense)|text_projection\.linear[12]"
TARGETS = {"audio": AUDIO_LAYERS, "text": TEXT_LAYERS, "both": f"{AUDIO_LAYERS}|{TEXT_LAYERS}"}


def prepare_model(config: TrainingConfig) -> Callable[[ClipBank], tuple[TeminalModel, ClapProcessor]]:
    """Load pretrained weights, and return a function that makes model and processor from the training clips.

    Raises:
        OSError, ValueError: naming the option whose model cannot be loaded.
    """
    if config.model_name_or_path:
        overrides = {"temporal_head": True} if config.temporal_head else {}
        loaded = load_clap(config.model_name_or_path, **overrides)
        return lambda bank: loaded
    text_encoder = load_text_encoder(config.text_model_name_or_path) if config.text_model_name_or_path else None
    return lambda bank: build_scratch_clap(bank, config.temporal_head, text_encoder=text_encoder, **config.scratch)


def adapt(model: TeminalModel, config: TrainingConfig) -> TeminalModel:
    """Add LoRA adapters or freeze layers, as the configuration says."""
    if config.lora != "none":  # a PeftModel has the attributes of its model
        return cast(TeminalModel, add_adapters(model, config.lora, config.lora_rank, config.lora_alpha))
    freeze(model, config.freeze_layers, config.learn_temperature)
    return model


class TeminalLoraConfig(LoraConfig):
    """LoRA configuration that `AutoPeftModel.from_pretrained(folder, trust_remote_code=True)` loads with its base.

    PEFT would save the module path of `TeminalModel`, which users do not have, so AutoModel is saved instead. Nothing
    is saved if the adapter adds a temporal head that the base lacks: no class loads both.
    """

    def save_pretrained(self, save_directory: str, **kwargs: Any) -> None:
        auto_model = {"base_model_class": "AutoModel", "parent_library": "transformers"}
        kwargs["auto_mapping_dict"] = auto_model if self._base_has_head() else None
        super().save_pretrained(save_directory, **kwargs)

    def _base_has_head(self) -> bool:
        """Tell whether the base can be loaded and has the temporal head, if the adapter has one."""
        if not self.base_model_name_or_path:
            return False
        try:
            base, _ = TeminalConfig.get_config_dict(self.base_model_name_or_path, local_files_only=True)
        except OSError:  # deleted
            return False
        return base.get("temporal_head", False) or "temporal_head" not in (self.modules_to_save or ())


def lora_config(
    towers: str, rank: int = 16, alpha: int = 16, dropout: float = 0.0, modules_to_save: list[str] | None = None
) -> LoraConfig:
    """Configure LoRA (arXiv 2106.09685) on attention, MLP and projection layers of "audio", "text" or "both" towers.

    Batch norm statistics and temperatures stay the base's. `peft_model.merge_and_unload().save_pretrained(folder)`
    saves a plain checkpoint.

    Args:
        rank, alpha, dropout: PEFT's `r`, `lora_alpha` and `lora_dropout`.
        modules_to_save: modules that are trained and saved whole.
    """
    if towers not in TARGETS:
        raise ValueError(f"--lora {towers}: choose of {', '.join(TARGETS)}")
    return TeminalLoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=TARGETS[towers],
        modules_to_save=modules_to_save,
    )


def add_adapters(model: TeminalModel, towers: str, rank: int, alpha: int) -> PeftModel:
    """Add LoRA adapters, which start without effect; a temporal head is trained whole."""
    head = ["temporal_head"] if model.config.temporal_head else None
    return get_peft_model(model, lora_config(towers, rank, alpha, modules_to_save=head))


def freeze(model: TeminalModel, n_layers: int, learn_temperature: bool) -> None:
    """Freeze the input embeddings and the first `n_layers` layers of both towers (TACT, arXiv 2301.02074); 0: none.

    The batch norm of the mel bins is always frozen, for the layer after it can do the same: so no gradient has to pass
    through the interpolation between them. Without `learn_temperature`, the temperatures are frozen too.
    """
    encoder = model.audio_model.audio_encoder
    frozen = [encoder.batch_norm]
    if n_layers:
        frozen += [encoder.patch_embed, model.text_model.embeddings]
        frozen += [layer for layers in _layers(model).values() for layer in layers[:n_layers]]
    if encoder.enable_fusion:  # audio is given in windows, so the fusion of longer audio is not used
        frozen += [encoder.patch_embed.fusion_model, encoder.patch_embed.mel_conv2d]
    if not learn_temperature:
        frozen += [model.logit_scale_a, model.logit_scale_t]
    for part in frozen:
        part.requires_grad_(False)


def require_layers(model: TeminalModel, n_layers: int) -> None:
    """Raise a ValueError unless each tower has more than `n_layers` layers to freeze."""
    for tower, layers in _layers(model).items():
        if n_layers >= len(layers):
            raise ValueError(f"--freeze_layers {n_layers}: the {tower} tower has {len(layers)} layers; freeze fewer")


def _layers(model: TeminalModel) -> dict[str, list[nn.Module]]:
    """List the layers of each tower; the last block of an audio stage is one layer with its downsampling."""
    audio: list[nn.Module] = []
    for stage in model.audio_model.audio_encoder.layers:
        audio += [*stage.blocks[:-1], nn.ModuleList([stage.blocks[-1], stage.downsample])]
    return {"audio": audio, "text": list(model.text_model.encoder.layer)}


def mix_with_base(
    model: TeminalModel, base: Weights, shares: list[float], validate: Callable[[TeminalModel], dict] | None
) -> dict:
    """Interpolate the model's weights with its base's, by the share that validates best (WiSE-FT).

    Returns:
        The share, and the ZSTE on validation clips of each; `None` where a single share leaves no choice.
    """
    tuned = copy_weights(model)
    found: dict[float, float | None] = {}
    for share in shares:
        set_weights(model, interpolate(base, tuned, share))
        found[share] = validate(model)["zste"] if validate and len(shares) > 1 else None
    best = max(shares, key=lambda share: found[share] or 0.0)
    set_weights(model, interpolate(base, tuned, best))
    return {"share": best, "validation_zste": found}


def interpolate(base: Weights, tuned: Weights, share: float) -> Weights:
    """Compute (1 - share) * base + share * tuned (WiSE-FT, arXiv 2109.01903); exactly `tuned` at 1.

    LoRA adds the product of A and B, and B starts at zero: only B is interpolated, so that the product is linear.
    """
    return {
        name: weight if "lora_A" in name else torch.lerp(base[name].to(weight.device), weight, share)
        for name, weight in tuned.items()
    }


def export_model(model: TeminalModel | PeftModel, processor: ClapProcessor, folder: Path) -> list[str]:
    """Save model and processor, with adapters merged and a test vector, and return the names of the files.

    Adapters are saved to `adapter/` too if their base can be loaded by name.

    Raises:
        OSError: a file cannot be written.
    """
    fresh = folder / ".export"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        if isinstance(model, PeftModel):
            if model.active_peft_config.base_model_name_or_path:
                model.save_pretrained(str(fresh / "adapter"))
                (fresh / "adapter" / "README.md").unlink(missing_ok=True)  # PEFT's empty template
            model = copy.deepcopy(model).merge_and_unload()
        model.save_pretrained(str(fresh))
        processor.save_pretrained(fresh)
        clap = cast(TeminalModel, model), processor
        write_test_vector(fresh, partial(embed_waveforms, *clap), partial(embed_captions, *clap))
    except SafetensorError as error:  # the disk is full
        raise OSError(f"{fresh}: cannot be written ({error})") from error
    names = sorted(path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file())
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (fresh / name).replace(folder / name)
    shutil.rmtree(fresh)
    return names
