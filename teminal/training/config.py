"""What a training is started from: the configuration of a run and of its stages."""

from dataclasses import dataclass, field
from typing import Literal

STAGES = ("pretrain", "A", "B", "joint")


def option(default, help: str | None = None):
    return field(default=default, metadata={"help": help} if help else {})


def options(*default, help: str | None = None):
    return field(default_factory=lambda: list(default), metadata={"help": help} if help else {})


@dataclass
class StageConfig:
    """Hyper-parameters of one stage; in YAML they stand under the stage's name."""

    max_train_steps: int = 500
    per_device_train_batch_size: int = 32
    learning_rate: float = 1e-4
    text_warmup_steps: int = 0
    text_warmup_learning_rate: float = 1e-3
    text_warmup_hold_weight: float = 20.0
    in_group_weight: float = 0.0
    event_weight: float = 0.0
    replay_batch_size: int = 0
    replay_weight: float = 0.0


@dataclass
class StageFlags:
    """The same as flags; one that is given holds for every stage that runs."""

    max_train_steps: int | None = option(None, "optimizer steps of each stage")
    per_device_train_batch_size: int | None = option(
        None, "clips (pretrain) or composition groups (A, B, joint) per step and process"
    )
    learning_rate: float | None = option(None, "peak learning rate of AdamW")
    text_warmup_steps: int | None = option(None, "steps of the text tower alone, first")
    text_warmup_learning_rate: float | None = None
    text_warmup_hold_weight: float | None = option(
        None, "how firmly the class captions' embeddings are held in the text warm-up"
    )
    in_group_weight: float | None = option(None, "weight of the in-group loss")
    event_weight: float | None = option(None, "weight of the event loss: every event of a scene against all classes")
    replay_batch_size: int | None = option(None, "single clips per step and process")
    replay_weight: float | None = option(None, "weight of the replay loss")


@dataclass
class TrainingConfig:
    """What is trained on what. Flags have the names that transformers and accelerate users know."""

    config: str | None = option(None, "YAML file with any of these options")
    output_dir: str = option("runs/teminal", "where model, checkpoints, results and pictures go")
    model_name_or_path: str | None = option(
        None, "CLAP checkpoint to start from, local folder or Hub id; none: from scratch"
    )
    text_model_name_or_path: str | None = option(
        None,
        "BERT or RoBERTa encoder, local folder or Hub id, whose weights, sizes and tokenizer a CLAP from scratch "
        "takes for its text tower; the YAML's scratch.text_config and scratch.vocab_size are then not used",
    )
    stages: list[str] = options("A", "B", help="of pretrain, A, B, joint (A and B mixed), in order")

    source: str = option("esc50", "clips to train on: esc50, synthetic, audiocaps, folder (your own) or others")
    esc50_dir: str | None = option(None, "official ESC-50 folder")
    dataset_name: str | None = option(None, "Hub dataset id with the source's columns")
    captions_dir: str | None = option(None, "folder of official caption tables (audiocaps, clotho)")
    audio_dir: str | None = option(None, "folder of audio (folder, audiocaps, clotho, urbansound8k)")
    recording_from_name: bool = option(
        False, "of --source folder: files named alike but for what follows their last separator are of one recording"
    )
    license: str | None = option(None, "of --source folder: what the cards say, such as cc-by-4.0; default: unknown")
    attribution: str | None = option(None, "of --source folder: whom the cards credit")
    train_folds: list[int] = options(1, 2, 3, 4, help="of a source that has folds; else its training split")
    eval_source: str | None = option(None, "labelled clips that ZSTE is made of; default: --source")
    eval_folds: list[int] = options(5, help="folds to test on")
    validation_folds: list[int] = options(help="folds to validate on, for --eval_steps and --wise_ft")
    keep_source: str | None = option(
        None,
        "other labelled clips, such as esc50, whose single sounds (at most n_scenes) are classified before and after",
    )
    n_scenes: int = option(1000, "composition groups of each ZSTE evaluation")
    validation_scenes: int = option(200, "composition groups of each validation")
    eval_steps: int = option(0, "validate every so many steps; a stage ends with its best weights by `zste`; 0: never")

    temporal_head: bool = option(False, "add the residual temporal head to the model")
    lora: Literal["none", "audio", "text", "both"] = option("none", "train low-rank adapters of these towers alone")
    lora_rank: int = 16
    lora_alpha: int = 16
    freeze_layers: int = option(0, "input embeddings and so many first layers of both towers stay as they are")
    learn_temperature: bool = option(True, "--no_learn_temperature keeps both logit scales")
    wise_ft: list[float] = options(
        help="share of the trained weights in the final model, the rest being the base's; of several, the best by "
        "`zste` on validation"
    )

    weight_decay: float = option(0.01, "AdamW weight decay of matrices")
    warmup_ratio: float = option(0.05, "share of a stage's steps with rising learning rate")
    max_grad_norm: float = 1.0
    ema_decay: float = option(0.0, "of the running mean of weights that a stage ends with; 0: none")
    alpha_same: float = option(1.0, "TNCE weight of other variants of the same group")
    alpha_cross: float = option(1.0, "TNCE weight of other variants of other groups")
    beta: float = option(1.0, "TNCE weight of reversed and overlay rows")
    mini_batch_size: int = option(0, "audios that the towers take at a time (gradient caching); 0: all")
    loss_chunk_size: int = option(4096, "rows of the TNCE loss that are computed at a time")
    mixed_precision: Literal["auto", "no", "bf16"] = option(
        "auto", "bf16 where the hardware has it, else fp32; `no` is fp32 everywhere"
    )
    dataloader_num_workers: int | None = option(None, "processes that compose batches; default: one less than cores")
    seed: int = 0

    save_steps: int = option(500, "optimizer steps between checkpoints, which are saved between stages too")
    save_total_limit: int = option(2, "the newest checkpoints that are kept")
    resume_from_checkpoint: str | None = option(None, "`latest`, or a checkpoint folder")
    logging_steps: int = option(10, "optimizer steps between reports to --report_to")
    report_to: list[str] = options(help="tensorboard, trackio or wandb")
    push_to_hub: bool = False
    hub_model_id: str | None = option(None, "such as me/clap-teminal")
    hub_private_repo: bool = False
    dry_run: bool = option(False, "list what --push_to_hub would send of the finished run in --output_dir, and end")

    scratch: dict = field(default_factory=dict, init=False)
    stage: dict[str, StageConfig] = field(default_factory=dict, init=False)
