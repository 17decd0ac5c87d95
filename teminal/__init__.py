"""TeminAL: teach contrastive audio-language models the order of sounds, and measure it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modeling_teminal import chunked_tnce_loss, in_group_loss, tnce_loss
    from teminal.evaluation.models import embed_audio, embed_text, load
    from teminal.search.index import Index
    from teminal.search.timeline import timeline
    from teminal.training.models import lora_config

__all__ = [
    "Index",
    "chunked_tnce_loss",
    "embed_audio",
    "embed_text",
    "in_group_loss",
    "load",
    "lora_config",
    "timeline",
    "tnce_loss",
]
MODULES = {
    "Index": "teminal.search.index",
    "chunked_tnce_loss": "modeling_teminal",
    "embed_audio": "teminal.evaluation.models",
    "embed_text": "teminal.evaluation.models",
    "in_group_loss": "modeling_teminal",
    "load": "teminal.evaluation.models",
    "lora_config": "teminal.training.models",
    "timeline": "teminal.search.timeline",
    "tnce_loss": "modeling_teminal",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: torch takes seconds."""
    if name not in MODULES:
        raise AttributeError(f"module 'teminal' has no attribute {name!r}")
    return getattr(import_module(MODULES[name]), name)
