"""Choose the precision that a device computes in hardware."""

import torch

AMPERE = 8  # the CUDA compute capability from which on bf16 is in hardware


def bf16_support(device: torch.device) -> tuple[bool, str]:
    """Tell whether `device` multiplies bf16 in hardware, and by what that is known.

    A CPU without AMX or AVX512_BF16 emulates bf16, ten times slower than fp32, and autocast does not say so.
    """
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return major >= AMPERE, f"{torch.cuda.get_device_name(device)} has compute capability {major}.{minor}"
    if device.type != "cpu":
        return False, f"bf16 is not relied on for {device.type}"
    if torch.backends.cpu.get_cpu_capability() != "AVX512":  # also where ATEN_CPU_CAPABILITY holds it down
        return False, "this CPU has no AVX-512, so it would emulate bf16"
    if torch.cpu._is_amx_tile_supported():
        return True, "this CPU has AMX"
    if torch.cpu._is_avx512_bf16_supported():
        return True, "this CPU has AVX512_BF16"
    return False, "this CPU has neither AMX nor AVX512_BF16, so it would emulate bf16"


def choose_precision(asked: str, device: torch.device) -> tuple[str, str]:
    """Resolve `--mixed_precision` for a device.

    Args:
        asked: "auto", "no" or "bf16".
        device: what the training runs on.

    Returns:
        "no" (fp32) or "bf16", and a line for the user that gives the reason.
    """
    supported, reason = bf16_support(device)
    if asked == "auto":
        return ("bf16", f"precision: bf16 ({reason})") if supported else ("no", f"precision: fp32 ({reason})")
    if asked == "bf16" and not supported:
        return asked, f"precision: bf16, as asked, though it may be many times slower than fp32 ({reason})"
    return asked, f"precision: {'fp32' if asked == 'no' else asked}, as asked"
