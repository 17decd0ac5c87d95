"""TeminAL: teach contrastive audio-language models the order of sounds, and measure it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teminal.evaluation.models import embed_audio, embed_text, load

__all__ = ["embed_audio", "embed_text", "load"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use: torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module 'teminal' has no attribute {name!r}")
    return getattr(import_module("teminal.evaluation.models"), name)
