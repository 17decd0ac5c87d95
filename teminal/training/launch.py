"""Start Accelerate and its trackers, choose bf16 or fp32, and check what the launcher asks for."""

import json
import logging
import os
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.tracking import get_available_trackers
from accelerate.utils import DistributedType, gather_object, set_seed

from teminal.processes import count_cores, join_processes, keep_freed_memory
from teminal.training.config import Precision, TrainingConfig

NOT_SUPPORTED = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism config",
    "ACCELERATE_USE_SAGEMAKER": "SageMaker",
}
SUPPORTED = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
HINT = "a CLAP fits one device, so launch with --multi_gpu, and with --mini_batch_size where memory is short"
AMPERE = 8  # the CUDA compute capability from which on bf16 is in hardware
logger = logging.getLogger("teminal")


def start_accelerator(config: TrainingConfig) -> Accelerator:
    """Start Accelerate, seed all random generators, and resolve `config.mixed_precision`.

    Raises:
        ValueError, OSError: the launcher contradicts the configuration, or asks for something unsupported.
    """
    keep_freed_memory()
    check_launcher()
    installed = {str(tracker.value) for tracker in get_available_trackers()}
    if missing := [name for name in config.report_to if name not in installed]:
        raise ValueError(f"--report_to {missing[0]}: not installed; pip install {missing[0]}")
    precision = get_requested_precision(config.mixed_precision)
    try:
        # A day, for the other processes wait while one decodes or evaluates.
        device = join_processes(lambda cpu: PartialState(cpu=cpu, timeout=timedelta(days=1))).device
        config.mixed_precision, why = choose_precision(precision, device)
        accelerator = Accelerator(
            mixed_precision=config.mixed_precision, log_with=config.report_to or None, project_dir=config.output_dir
        )
    except (ImportError, RuntimeError) as error:  # by its environment variables
        raise ValueError(f"accelerate cannot start: {error}") from error
    if accelerator.distributed_type not in SUPPORTED:
        raise ValueError(f"accelerate launch: {accelerator.distributed_type.value} is not supported; {HINT}")
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # of huggingface_hub
    logger.info(why)
    if accelerator.device.type == "cpu":
        if accelerator.num_processes > 1:  # launchers give each a single thread
            torch.set_num_threads(count_cores())
        torch.use_deterministic_algorithms(True)
    set_seed(config.seed)
    return accelerator


def check_launcher() -> None:
    """Refuse features of `accelerate launch` that this training does not support.

    Raises:
        ValueError: naming the environment variable that the launcher has set.
    """
    for variable, name in NOT_SUPPORTED.items():
        if os.environ.get(variable, "false").lower() in ("true", "1", "yes"):
            raise ValueError(f"accelerate launch: {name} is not supported ({variable} is set); {HINT}")
    steps = os.environ.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")
    if steps != "1":
        raise ValueError(
            f"ACCELERATE_GRADIENT_ACCUMULATION_STEPS={steps}: a contrastive loss needs its whole batch at once; unset "
            "it, and give --mini_batch_size where memory is short"
        )


def start_trackers(accelerator: Accelerator, run: dict[str, Any]) -> None:
    """Start the trackers of `--report_to` with the settings of the run.

    Raises:
        ValueError: one does not start, such as for a missing account.
    """
    scalars = {k: v if isinstance(v, int | float | str) else json.dumps(v) for k, v in run.items()}  # for TensorBoard
    try:
        accelerator.init_trackers("teminal", config=scalars)
    except Exception as error:  # of any library
        raise ValueError(f"--report_to does not start: {error}") from error


def require_agreement(run: dict[str, Any]) -> None:
    """Check that all processes have the same settings and clips.

    Raises:
        ValueError: naming those that differ.
    """
    for rank, theirs in enumerate(gather_object([run])):
        if changed := sorted(name for name in run.keys() | theirs.keys() if run.get(name) != theirs.get(name)):
            raise ValueError(f"process {rank} was started with other {', '.join(changed)}: all must be given the same")


def get_requested_precision(mixed_precision: Precision) -> Precision:
    """Return the precision of `--mixed_precision`, or of the launcher if that is "auto".

    Raises:
        ValueError: the two contradict each other.
    """
    by_launcher = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")  # "no" is also its default
    if by_launcher in ("no", mixed_precision):
        return mixed_precision
    if by_launcher == "bf16" and mixed_precision == "auto":
        return "bf16"
    raise ValueError(
        f"accelerate launch asks for mixed precision {by_launcher} (its flag, its config file or "
        f"ACCELERATE_MIXED_PRECISION), this training for {mixed_precision}: give accelerate launch --mixed_precision "
        "no, and train_accelerate.py the one you want, no or bf16"
    )


def choose_precision(asked: Precision, device: torch.device) -> tuple[Precision, str]:
    """Choose the precision for a device, and return it with a line that gives the reason."""
    supported, reason = detect_bf16(device)
    if asked == "auto":
        return ("bf16", f"precision: bf16 ({reason})") if supported else ("no", f"precision: fp32 ({reason})")
    if asked == "bf16" and not supported:
        return asked, f"precision: bf16, as asked, though it may be many times slower than fp32 ({reason})"
    return asked, f"precision: {'fp32' if asked == 'no' else asked}, as asked"


def detect_bf16(device: torch.device) -> tuple[bool, str]:
    """Tell whether a device multiplies bf16 in hardware, and why.

    A CPU without AMX or AVX512_BF16 emulates bf16 without a warning, ten times slower than fp32.
    """
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return major >= AMPERE, f"{torch.cuda.get_device_name(device)} has compute capability {major}.{minor}"
    if device.type != "cpu":
        return False, f"bf16 is not relied on for {device.type}"
    if torch.backends.cpu.get_cpu_capability() != "AVX512":  # or limited by ATEN_CPU_CAPABILITY
        return False, "this CPU has no AVX-512, so it would emulate bf16"
    if torch.cpu._is_amx_tile_supported():
        return True, "this CPU has AMX"
    if torch.cpu._is_avx512_bf16_supported():
        return True, "this CPU has AVX512_BF16"
    return False, "this CPU has neither AMX nor AVX512_BF16, so it would emulate bf16"
