"""Check and hash the weights and embeddings of models, whatever library they are of."""

import hashlib
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import torch

ROOT = Path(__file__).parents[2]
CODE = [
    "modeling_teminal/*.py",
    *(f"teminal/evaluation/{name}.py" for name in ("clap", "checkpoints", "libraries", "windows")),
]


def require_library(name: str, packages: str) -> ModuleType:
    """Import an optional library, or raise a ValueError that says what to `pip install`."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError) as error:  # the last two: no network, a torchaudio of another torch
        raise ValueError(f"{name} is needed and does not import: {error}; `pip install {packages}`") from error


def fingerprint(state: Mapping[str, torch.Tensor], *config: str) -> str:
    """Hash weights, configuration, and the code that embeds: embeddings of equal fingerprints are equal."""
    hashed = hashlib.sha256("\0".join(config).encode())
    for pattern in CODE:
        for file in sorted(ROOT.glob(pattern)):
            hashed.update(file.read_bytes())
    for name, value in sorted(state.items()):
        hashed.update(name.encode() + value.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()


def require_finite(flag: str, state: Mapping[str, torch.Tensor]) -> None:
    """Raise a ValueError that begins with `flag` if a weight or a buffer holds NaN or infinity."""
    faulty = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if faulty:
        raise ValueError(f"{flag}: {len(faulty)} weights are not finite, such as {faulty[0]}: its training failed")


def require_finite_embeds(embeds: torch.Tensor) -> torch.Tensor:
    """Return embeddings (N, D) as they are, or raise a ValueError if one holds NaN or infinity."""
    if not embeds.isfinite().all():
        raise ValueError("the model gives embeddings that are not finite: its weights are damaged or too large")
    return embeds
