"""A training recipe: one YAML file, overridden by command-line flags."""

import difflib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import yaml
from transformers import HfArgumentParser

STAGES = ("pretrain", "A", "B")
SCRATCH_KEYS = {"projection_dim", "vocab_size", "audio_config", "text_config", "feature_extractor"}


@dataclass
class StageSettings:
    """Hyper-parameters of one stage; in YAML they stand under the stage's name."""

    max_train_steps: int = 500
    per_device_train_batch_size: int = 32
    learning_rate: float = 1e-4
    text_warmup_steps: int = 0
    text_warmup_learning_rate: float = 1e-3
    text_warmup_hold_weight: float = 20.0
    in_group_weight: float = 0.0
    replay_batch_size: int = 0
    replay_weight: float = 0.0


@dataclass
class StageFlags:
    """The same as flags; one that is given holds for every stage that runs."""

    max_train_steps: int | None = field(default=None, metadata={"help": "optimizer steps of each stage"})
    per_device_train_batch_size: int | None = field(
        default=None, metadata={"help": "clips (pretrain) or composition groups (A, B) per step and process"}
    )
    learning_rate: float | None = field(default=None, metadata={"help": "peak learning rate of AdamW"})
    text_warmup_steps: int | None = field(default=None, metadata={"help": "steps of the text tower alone, first"})
    text_warmup_learning_rate: float | None = field(default=None)
    text_warmup_hold_weight: float | None = field(
        default=None, metadata={"help": "how firmly the class captions' embeddings are held in the text warm-up"}
    )
    in_group_weight: float | None = field(default=None, metadata={"help": "weight of the in-group loss"})
    replay_batch_size: int | None = field(default=None, metadata={"help": "single clips per step and process"})
    replay_weight: float | None = field(default=None, metadata={"help": "weight of the replay loss"})


@dataclass
class Recipe:
    """What is trained on what. Flags have the names that transformers and accelerate users know."""

    config: str | None = field(default=None, metadata={"help": "YAML file with any of these options"})
    output_dir: str = field(default="runs/teminal", metadata={"help": "where model, results and picture go"})
    model_name_or_path: str | None = field(
        default=None, metadata={"help": "CLAP checkpoint to start from, local folder or Hub id; none: from scratch"}
    )
    stages: list[str] = field(default_factory=lambda: ["A", "B"], metadata={"help": "of pretrain, A, B, in order"})
    source: str = field(default="esc50", metadata={"help": "esc50 or synthetic"})
    esc50_dir: str | None = field(default=None, metadata={"help": "official ESC-50 folder"})
    dataset_name: str | None = field(default=None, metadata={"help": "Hub dataset id with ESC-50's columns"})
    train_folds: list[int] = field(default_factory=lambda: [1, 2, 3, 4])
    eval_folds: list[int] = field(default_factory=lambda: [5])
    n_scenes: int = field(default=1000, metadata={"help": "composition groups of each ZSTE evaluation"})
    temporal_head: bool = field(default=False, metadata={"help": "add the residual temporal head to the model"})
    weight_decay: float = field(default=0.01, metadata={"help": "AdamW weight decay of matrices"})
    warmup_ratio: float = field(default=0.05, metadata={"help": "share of a stage's steps with rising learning rate"})
    max_grad_norm: float = field(default=1.0)
    alpha_same: float = field(default=1.0, metadata={"help": "TNCE weight of other variants of the same group"})
    alpha_cross: float = field(default=1.0, metadata={"help": "TNCE weight of other variants of other groups"})
    beta: float = field(default=1.0, metadata={"help": "TNCE weight of reversed and overlay rows"})
    mixed_precision: str = field(default="no", metadata={"help": "no or bf16"})
    seed: int = 0
    scratch: dict = field(default_factory=dict, init=False)
    stage: dict[str, StageSettings] = field(default_factory=dict, init=False)


def parse_recipe(argv: list[str] | None = None) -> Recipe:
    """Read `--config` and the flags that override it.

    Raises:
        ValueError, OSError: an unknown key, stage or precision, or an unreadable YAML file.
    """
    parser = HfArgumentParser([Recipe, StageFlags])
    parser.description = "Train a CLAP model to tell the order of sounds."
    config = parser.parse_known_args(argv)[0].config
    settings = _read_yaml(config) if config else {}
    in_yaml = {stage: settings.pop(stage, None) or {} for stage in STAGES}
    scratch = settings.pop("scratch", None) or {}
    parser.set_defaults(**settings)
    recipe, flags = parser.parse_args_into_dataclasses(argv)

    if not recipe.stages or "pretrain" in recipe.stages[1:]:
        raise ValueError(f"--stages {' '.join(recipe.stages)}: at least one, and pretrain comes first")
    from_flags = {name: value for name, value in asdict(flags).items() if value is not None}
    for stage in recipe.stages:
        if stage not in STAGES:
            raise ValueError(f"--stages {stage}: choose of {', '.join(STAGES)}")
        recipe.stage[stage] = _stage_settings(config, stage, {**in_yaml[stage], **from_flags})
    if recipe.mixed_precision not in ("no", "bf16"):
        raise ValueError(f"--mixed_precision {recipe.mixed_precision}: choose no or bf16")
    recipe.scratch = scratch
    return recipe


def _stage_settings(config: str | None, stage: str, chosen: dict) -> StageSettings:
    """Settings of the right types; YAML reads `1e-3`, without a point, as text."""
    types = {item.name: item.type for item in fields(StageSettings)}
    for name, value in chosen.items():
        try:
            chosen[name] = types[name](value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"--config {config}: {stage}.{name}: {value!r} is not a number") from error
    return StageSettings(**chosen)


def _read_yaml(path: str) -> dict:
    """The YAML's settings, every key known."""
    try:
        settings = yaml.safe_load(Path(path).read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"--config {path}: not valid YAML: {error}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"--config {path}: expected `key: value` lines")
    known = {item.name for item in fields(Recipe)} - {"config", "stage"} | set(STAGES)
    _check_keys(path, "", settings, known)
    for stage in STAGES:
        _check_keys(path, f"{stage}.", settings.get(stage) or {}, {item.name for item in fields(StageSettings)})
    _check_keys(path, "scratch.", settings.get("scratch") or {}, SCRATCH_KEYS)
    return settings


def _check_keys(path, prefix, settings, known):
    for key in settings:
        if key not in known:
            hint = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {prefix}{hint[0]}?" if hint else f"; known are {', '.join(sorted(known))}"
            raise ValueError(f"--config {path}: unknown key {prefix}{key}{hint}")
