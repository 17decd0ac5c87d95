"""Define and check the options of a training run."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from teminal.captions import PARAPHRASE_SHARE
from teminal.evaluation.options import check_model_path
from teminal.hub import check_repo_id
from teminal.options import check_ranges, option
from teminal.sources import CreditedSourceOptions, option_names
from teminal.training.stages import STAGES, StageConfig

Precision = Literal["auto", "no", "bf16"]


@dataclass
class RunConfig(CreditedSourceOptions):
    """Options of a whole run.

    `may_change` marks those that a resumed run may change; `needs` lists options of which one must be on as well.
    """

    config: list[str] = option([], "YAML files with any of these options; a later one overrides", may_change=True)
    output_dir: str = option("runs/teminal", "where model, checkpoints, results and pictures go", may_change=True)
    model_name_or_path: str | None = option(None, "CLAP to start from, folder or Hub id; none: from scratch")
    text_model_name_or_path: str | None = option(
        None,
        "BERT or RoBERTa encoder, local folder or Hub id, whose weights, sizes and tokenizer a CLAP from scratch "
        "takes for its text tower; the YAML's scratch.text_config and scratch.vocab_size are then not used",
    )
    stages: list[str] = option(["A", "B"], "of pretrain, A, B, joint (A and B mixed), in order")

    source: str = option("esc50", "clips to train on: esc50, synthetic, audiocaps, folder (your own) or others")
    train_folds: list[int] = option([1, 2, 3, 4], "of a source that has folds; else its training split")
    eval_source: str | None = option(None, "labelled clips that ZSTE is made of; default: --source")
    eval_folds: list[int] = option([5], "folds to test on")
    validation_folds: list[int] = option([], "folds to validate on, for --eval_steps and --wise_ft")
    keep_source: str | None = option(
        None,
        "other labelled clips, such as esc50, whose single sounds (at most n_scenes) are classified before and after",
    )
    n_scenes: int = option(1000, "composition groups of each ZSTE evaluation", least=1)
    validation_scenes: int = option(200, "groups of each validation", least=1, needs=["eval_steps", "wise_ft"])
    eval_steps: int = option(0, "validate every so many steps, and end with the best by `zste`; 0: never", least=0)

    paraphrase_share: float = option(
        PARAPHRASE_SHARE, "share of captions of classes in another than the default wording", least=0, most=1
    )
    temporal_head: bool = option(False, "add the residual temporal head to the model")
    lora: Literal["none", "audio", "text", "both"] = option("none", "train low-rank adapters of these towers alone")
    lora_rank: int = option(16, "rank of the adapters", least=1, needs=["lora"])
    lora_alpha: int = option(16, "adapters are scaled by lora_alpha / lora_rank", least=1, needs=["lora"])
    freeze_layers: int = option(0, "input embeddings and so many first layers of both towers stay fixed", least=0)
    learn_temperature: bool = option(True, "--no_learn_temperature keeps both logit scales")
    wise_ft: list[float] = option(
        [], "share of trained weights in a mix with the base's; of several the best by `zste`", least=0, most=1
    )

    weight_decay: float = option(0.01, "AdamW weight decay of matrices", least=0)
    warmup_ratio: float = option(0.05, "share of a stage's steps with rising learning rate", least=0, most=1)
    max_grad_norm: float = option(1.0, "gradients of a larger norm are scaled to it", least=1e-9)
    ema_decay: float = option(0.0, "decay of the mean weights a stage ends with; 0: none", least=0, most=1 - 1e-9)
    alpha_same: float = option(
        1.0,
        "TNCE weight of other variants of the same group; of three or four events, all orders other than the original "
        "count as one variant (reversed), so that among them the weight is 1",
        least=0,
    )
    alpha_cross: float = option(1.0, "TNCE weight of other variants of other groups", least=0)
    beta: float = option(1.0, "TNCE weight of reversed and overlay rows", least=0)
    mini_batch_size: int = option(
        0,
        "windows that the towers take at a time (gradient caching), at least one clip; a clip of 60 s has 6; 0: all",
        least=0,
    )
    loss_chunk_size: int = option(4096, "rows of the TNCE loss that are computed at a time", least=1)
    mixed_precision: Precision = option("auto", "bf16 where the hardware has it, else fp32; `no`: fp32 everywhere")
    dataloader_num_workers: int | None = option(
        None, "processes that compose batches; default: one less than cores", least=0, may_change=True
    )
    seed: int = option(0, "of weights, batches and scenes", least=0, most=2**32 - 1)

    save_steps: int = option(
        500, "optimizer steps between checkpoints, which are saved between stages too", least=1, may_change=True
    )
    save_total_limit: int = option(2, "the newest checkpoints that are kept", least=1, may_change=True)
    resume_from_checkpoint: str | None = option(None, "`latest`, or a checkpoint folder", may_change=True)
    logging_steps: int = option(10, "optimizer steps between reports to --report_to", least=1, may_change=True)
    report_to: list[str] = option([], "tensorboard, trackio or wandb", may_change=True)
    push_to_hub: bool = option(False, "publish the finished model", may_change=True)
    hub_model_id: str | None = option(None, "such as me/clap-teminal", may_change=True)
    hub_private_repo: bool = option(False, "the repository is private", may_change=True, needs=["push_to_hub"])
    dry_run: bool = option(False, "list what --push_to_hub would send of the finished run, and end", may_change=True)


@dataclass
class TrainingConfig(RunConfig):
    """All options of a training: of the run, of each stage, and of a model from scratch.

    Raises:
        ValueError: naming the flag at fault.
    """

    pretrain: StageConfig = field(default_factory=StageConfig)
    A: StageConfig = field(default_factory=StageConfig)
    B: StageConfig = field(default_factory=StageConfig)
    joint: StageConfig = field(default_factory=StageConfig)
    scratch: dict[str, Any] = field(default_factory=dict)  # as in YAML; see `check_scratch`

    def __post_init__(self) -> None:
        self.stages = [stage for item in self.stages for stage in item.split(",")]
        self._check_stages()
        check_ranges(self)
        self._check_publishing()
        if not self.dry_run:
            self._check_model()

    def stage(self, name: str) -> StageConfig:
        """Return the hyperparameters of a stage."""
        return getattr(self, name)

    def as_dict(self) -> dict[str, Any]:
        """Return all options as `results.json` has them, with the stages that run under `stage`."""
        values = asdict(self)
        stages = {name: values.pop(name) for name in STAGES}
        return {**values, "stage": {name: stages[name] for name in self.stages}}

    def fixed_settings(self) -> dict[str, Any]:
        """Return the options that a resumed run may not change."""
        may_change = {item.name for item in fields(self) if item.metadata.get("may_change")}
        may_change |= {*option_names()} - {"recording_from_name"}  # clips may be moved: they themselves are compared
        values = {name: value for name, value in self.as_dict().items() if name not in may_change}
        stages = values.pop("stage")
        return values | {f"{name}.{key}": value for name in stages for key, value in stages[name].items()}

    def _check_stages(self) -> None:
        given = f"--stages {' '.join(self.stages)}"
        for stage in self.stages:
            if stage not in STAGES:
                raise ValueError(f"--stages {stage}: choose of {', '.join(STAGES)}")
        if not self.stages or "pretrain" in self.stages[1:]:
            raise ValueError(f"{given}: at least one, and pretrain comes first")
        if len(set(self.stages)) < len(self.stages):
            raise ValueError(f"{given}: each at most once")
        for stage in self.stages:
            self.stage(stage).check(stage)
            if self.stage(stage).text_warmup_steps and self.lora == "audio" and stage != "pretrain":
                raise ValueError(f"--{stage}.text_warmup_steps: --lora audio keeps the text tower; set it to 0")

    def _check_publishing(self) -> None:
        if self.push_to_hub != bool(self.hub_model_id):
            raise ValueError("--push_to_hub and --hub_model_id, such as me/clap-teminal, go together")
        if self.hub_model_id:
            check_repo_id("--hub_model_id", self.hub_model_id)
        if self.dry_run and not self.push_to_hub:
            raise ValueError("--dry_run lists what --push_to_hub would send: give it and --hub_model_id too")

    def _check_model(self) -> None:
        for name in ("model_name_or_path", "text_model_name_or_path"):
            if path := getattr(self, name):
                check_model_path(path, f"--{name}")
        if self.model_name_or_path:
            if "pretrain" in self.stages:
                raise ValueError("--stages pretrain starts from scratch: drop it, or --model_name_or_path")
            if self.text_model_name_or_path:
                raise ValueError(
                    "--text_model_name_or_path is for a CLAP from scratch: drop it or --model_name_or_path"
                )
        elif "pretrain" not in self.stages or not self.scratch:
            raise ValueError("without --model_name_or_path, --stages starts with pretrain and YAML has scratch:")
        if self.lora != "none" and (self.freeze_layers or self.stages == ["pretrain"]):
            raise ValueError(f"--lora {self.lora} is for stages after pretrain, and goes without --freeze_layers")
