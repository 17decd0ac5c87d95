"""What a launcher asks for by environment variables, and whether this training does it."""

import os

NOT_SUPPORTED = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism config",
    "ACCELERATE_USE_SAGEMAKER": "SageMaker",
}


def check_launcher() -> None:
    """Whether `accelerate launch`, by its flags or its config file, asks for what this training does.

    Raises:
        ValueError: it would be ignored, or fail in the middle.
    """
    for variable, name in NOT_SUPPORTED.items():
        if os.environ.get(variable, "false").lower() in ("true", "1", "yes"):
            raise ValueError(
                f"accelerate launch: {name} is not supported ({variable} is set); a CLAP fits one device, so launch "
                "with --multi_gpu, and with --mini_batch_size where memory is short"
            )
    steps = os.environ.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")
    if steps != "1":
        raise ValueError(
            f"ACCELERATE_GRADIENT_ACCUMULATION_STEPS={steps}: a contrastive loss needs its whole batch at once; unset "
            "it, and give --mini_batch_size where memory is short"
        )


def asked_precision(mixed_precision: str) -> str:
    """What `--mixed_precision` says, or the launcher where that is `"auto"`.

    Raises:
        ValueError: the two contradict each other.
    """
    of_launcher = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")  # "no" is also what it says unasked
    if of_launcher in ("no", mixed_precision):
        return mixed_precision
    if of_launcher == "bf16" and mixed_precision == "auto":
        return of_launcher
    raise ValueError(
        f"accelerate launch asks for mixed precision {of_launcher} (its flag, its config file or "
        f"ACCELERATE_MIXED_PRECISION), this training for {mixed_precision}: give accelerate launch --mixed_precision "
        "no, and train_accelerate.py the one you want, no or bf16"
    )
