"""Check what a recipe says of a CLAP from scratch; apart from other checks, for transformers' classes take seconds."""

import inspect

from huggingface_hub.errors import StrictDataclassError
from transformers import ClapAudioConfig, ClapFeatureExtractor, ClapTextConfig

from teminal.training.config import TrainingConfig
from teminal.training.config_file import check_known

SCRATCH_PARTS = {
    "audio_config": ClapAudioConfig,
    "text_config": ClapTextConfig,
    "feature_extractor": ClapFeatureExtractor,
}
SET_BY_SCRATCH = {"vocab_size", "max_position_embeddings", "truncation", "frequency_min"}


def check_scratch(recipe: TrainingConfig) -> None:
    """Whether every needed part is there, and accepted by its transformers class, which would swallow an unknown key.

    Raises:
        ValueError: naming the key at fault.
    """
    path, scratch = recipe.config, recipe.scratch
    if not scratch:
        return
    check_known(path, "scratch.", scratch, {"projection_dim", "vocab_size", *SCRATCH_PARTS})
    for part, cls in SCRATCH_PARTS.items():
        if part not in scratch:
            if part == "text_config" and recipe.text_model_name_or_path:
                continue
            raise ValueError(f"--config {path}: scratch.{part} is missing")
        check_known(path, f"scratch.{part}.", scratch[part], set(inspect.signature(cls).parameters) - SET_BY_SCRATCH)
        try:
            cls(**scratch[part])
        except (StrictDataclassError, TypeError, ValueError) as error:
            raise ValueError(f"--config {path}: scratch.{part}: {error}") from error
    for name in ("projection_dim", "vocab_size"):
        if not isinstance(scratch.get(name, 1), int) or scratch.get(name, 1) < 1:
            raise ValueError(
                f"--config {path}: scratch.{name}: {scratch[name]!r} must be a whole number of at least 1"
            )
    audio = ClapAudioConfig(**scratch["audio_config"])
    tower_size = audio.patch_embeds_hidden_size * 2 ** (len(audio.depths) - 1)
    if audio.hidden_size != tower_size:
        raise ValueError(
            f"--config {path}: scratch.audio_config.hidden_size: {audio.hidden_size} must be {tower_size}, "
            "patch_embeds_hidden_size * 2^(stages - 1)"
        )
