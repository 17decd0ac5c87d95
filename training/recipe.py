"""A training recipe: what is trained on what, and the hyper-parameters of each stage."""

from dataclasses import dataclass, field
from typing import Literal

STAGES = ("pretrain", "A", "B")


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
    text_model_name_or_path: str | None = field(
        default=None,
        metadata={
            "help": "BERT or RoBERTa encoder, local folder or Hub id, whose weights, sizes and tokenizer a CLAP from "
            "scratch takes for its text tower; the YAML's scratch.text_config and scratch.vocab_size are then not used"
        },
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
    mixed_precision: Literal["no", "bf16"] = "no"
    seed: int = 0
    scratch: dict = field(default_factory=dict, init=False)
    stage: dict[str, StageSettings] = field(default_factory=dict, init=False)
