"""Define and check the options of the stages of a training."""

from dataclasses import dataclass

from teminal.options import check_ranges, option

STAGES = ("pretrain", "A", "B", "joint")
ORDER_STAGES = ("B", "joint")  # they alone train the temporal head: one that learned sounds first is slow to see order
SCENE_OPTIONS = ("max_events", "free_layout_share", "max_duration_s")  # pretrain has no scenes


@dataclass
class StageConfig:
    """Hyperparameters of one stage, in YAML under its name."""

    max_train_steps: int = option(500, "optimizer steps of each stage", least=1)
    per_device_train_batch_size: int = option(32, "clips (pretrain) or groups per step and process", least=1)
    learning_rate: float = option(1e-4, "peak learning rate of AdamW", least=0)
    text_learning_rate: float | None = option(
        None, "that of the text encoder, which 0 keeps fixed; default: learning_rate", least=0
    )
    text_warmup_steps: int = option(0, "steps of the text tower alone, first", least=0)
    text_warmup_batch_size: int = option(64, "groups in each of them", least=1, needs=["text_warmup_steps"])
    text_warmup_learning_rate: float = option(1e-3, "their learning rate", least=0, needs=["text_warmup_steps"])
    text_warmup_hold_weight: float = option(
        20.0, "weight in them of keeping the embeddings of class captions", least=0, needs=["text_warmup_steps"]
    )
    max_events: int = option(
        2, "events of a scene; half of the scenes have two, the others three or up to four", least=2, most=4
    )
    free_layout_share: float = option(
        0.0, "share of scenes with events of any length, gaps, overlap or a background", least=0, most=1
    )
    max_duration_s: float = option(
        10.0, "longest of these scenes, seconds", least=3, most=60, needs=["free_layout_share"]
    )
    in_group_weight: float = option(0.0, "weight of the in-group loss", least=0)
    event_weight: float = option(0.0, "weight of the event loss: every event of a scene against all classes", least=0)
    naming_weight: float = option(
        0.0, "weight of the naming loss, also in the text warm-up: the classes of a caption against all", least=0
    )
    replay_batch_size: int = option(0, "single clips per step and process", least=0, needs=["replay_weight"])
    replay_weight: float = option(0.0, "weight of the replay loss", least=0)

    @property
    def needs_classes(self) -> bool:
        """Tell whether a loss contrasts all classes."""
        return bool(self.event_weight or self.naming_weight)

    def check(self, name: str) -> None:
        """Check the options; error messages name the stage `name`."""
        check_ranges(self, f"{name}.")
        if name == "joint" and self.per_device_train_batch_size % 2:
            raise ValueError(
                f"--joint.per_device_train_batch_size: {self.per_device_train_batch_size} must be even, for groups of "
                "A and of B take turns"
            )
        if self.replay_weight and not self.replay_batch_size:
            raise ValueError(f"--{name}.replay_weight {self.replay_weight} needs a replay_batch_size")
