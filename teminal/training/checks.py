"""Whether a recipe makes sense, before any work."""

import math

from teminal.evaluation.options import check_model_path
from teminal.hub import check_repo_id
from teminal.training.config import STAGES, TrainingConfig

RANGES = {
    "n_scenes": (1, math.inf),
    "validation_scenes": (1, math.inf),
    "eval_steps": (0, math.inf),
    "lora_rank": (1, math.inf),
    "lora_alpha": (1, math.inf),
    "freeze_layers": (0, math.inf),
    "weight_decay": (0, math.inf),
    "warmup_ratio": (0, 1),
    "max_grad_norm": (1e-9, math.inf),
    "ema_decay": (0, 1 - 1e-9),
    "alpha_same": (0, math.inf),
    "alpha_cross": (0, math.inf),
    "beta": (0, math.inf),
    "mini_batch_size": (0, math.inf),
    "loss_chunk_size": (1, math.inf),
    "dataloader_num_workers": (0, math.inf),
    "save_steps": (1, math.inf),
    "save_total_limit": (1, math.inf),
    "logging_steps": (1, math.inf),
    "seed": (0, 2**32 - 1),
}


def check_values(recipe: TrainingConfig) -> None:
    """Whether stages and numbers are among those that exist.

    Raises:
        ValueError: naming the option at fault.
    """
    for stage in recipe.stages:
        if stage not in STAGES:
            raise ValueError(f"--stages {stage}: choose of {', '.join(STAGES)}")
    if not recipe.stages or "pretrain" in recipe.stages[1:]:
        raise ValueError(f"--stages {' '.join(recipe.stages)}: at least one, and pretrain comes first")
    if len(set(recipe.stages)) < len(recipe.stages):
        raise ValueError(f"--stages {' '.join(recipe.stages)}: each at most once")
    for name, (least, most) in RANGES.items():
        value = getattr(recipe, name)
        if value is not None and not (least <= value <= most and value < math.inf):
            to = f"from {least:g} to {most:g}" if most < math.inf else f"finite and at least {least:g}"
            raise ValueError(f"--{name} {value}: must be {to}")
    if not all(0 <= share <= 1 for share in recipe.wise_ft):
        raise ValueError(f"--wise_ft {' '.join(map(str, recipe.wise_ft))}: shares must be from 0 to 1")


def check_recipe(recipe: TrainingConfig) -> None:
    """Whether the options go together.

    Raises:
        ValueError: naming the options at fault.
    """
    _check_publishing(recipe)
    if recipe.dry_run:
        return
    _check_model(recipe)
    for stage in recipe.stages:
        _check_stage(recipe, stage)
    may_have_splits = (recipe.eval_source or recipe.source) == "folder"  # find_clips then sees whether it has
    if recipe.eval_steps and not recipe.validation_folds and not may_have_splits:
        raise ValueError("--eval_steps needs --validation_folds")
    if len(recipe.wise_ft) > 1 and not recipe.validation_folds and not may_have_splits:
        raise ValueError("--wise_ft with several shares needs --validation_folds to choose by")
    if recipe.report_to:
        _check_trackers(recipe.report_to)


def check_used(recipe: TrainingConfig, given: set[str]) -> None:
    """Whether every option that is given on the command line does something.

    Raises:
        ValueError: naming one that does not.
    """
    settings = [recipe.stage[stage] for stage in recipe.stages]
    without_validation = not recipe.eval_steps and len(recipe.wise_ft) < 2
    without_warmup = not any(of.text_warmup_steps for of in settings)
    without_replay = any(of.replay_batch_size for of in settings) and not any(of.replay_weight for of in settings)
    idle = {
        "lora_rank": recipe.lora == "none" and "--lora",
        "lora_alpha": recipe.lora == "none" and "--lora",
        "validation_scenes": without_validation and "--eval_steps",
        "hub_private_repo": recipe.hub_private_repo and not recipe.push_to_hub and "--push_to_hub",
        "text_warmup_learning_rate": without_warmup and "--text_warmup_steps",
        "text_warmup_hold_weight": without_warmup and "--text_warmup_steps",
        "replay_batch_size": without_replay and "--replay_weight",
    }
    for name, needed in idle.items():
        if needed and name in given:
            raise ValueError(f"--{name} does nothing without {needed}")


def _check_trackers(names):
    from accelerate.tracking import get_available_trackers  # with torch

    trackers = {str(tracker.value) for tracker in get_available_trackers()}
    for name in names:
        if name not in trackers:
            raise ValueError(f"--report_to {name}: not installed; pip install {name}")


def _check_publishing(recipe):
    if recipe.push_to_hub != bool(recipe.hub_model_id):
        raise ValueError("--push_to_hub and --hub_model_id, such as me/clap-teminal, go together")
    if recipe.hub_model_id:
        check_repo_id("--hub_model_id", recipe.hub_model_id)
    if recipe.dry_run and not recipe.push_to_hub:
        raise ValueError("--dry_run lists what --push_to_hub would send: give it and --hub_model_id too")


def _check_model(recipe):
    for name in ("model_name_or_path", "text_model_name_or_path"):
        if path := getattr(recipe, name):
            check_model_path(path, f"--{name}")
    if recipe.model_name_or_path:
        if "pretrain" in recipe.stages:
            raise ValueError("--stages pretrain starts from scratch: drop it, or --model_name_or_path")
        if recipe.text_model_name_or_path:
            raise ValueError("--text_model_name_or_path is for a CLAP from scratch: drop it, or --model_name_or_path")
    elif "pretrain" not in recipe.stages or not recipe.scratch:
        raise ValueError("without --model_name_or_path, --stages must start with pretrain and the YAML have scratch:")
    if recipe.lora != "none" and (recipe.freeze_layers or recipe.stages == ["pretrain"]):
        raise ValueError(f"--lora {recipe.lora} is for stages after pretrain, and leaves no layers to --freeze_layers")


def _check_stage(recipe, stage):
    settings = recipe.stage[stage]
    if settings.text_warmup_steps and recipe.lora == "audio" and stage != "pretrain":
        raise ValueError(f"{stage}.text_warmup_steps: --lora audio leaves the text tower as it is; set it to 0")
    if stage == "joint" and settings.per_device_train_batch_size % 2:
        raise ValueError(
            f"joint.per_device_train_batch_size: {settings.per_device_train_batch_size} must be even, for groups of A "
            "and of B take turns"
        )
    if settings.replay_weight and not settings.replay_batch_size:
        raise ValueError(f"{stage}.replay_weight: {settings.replay_weight} needs a replay_batch_size of at least 1")
