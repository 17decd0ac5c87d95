"""TeminAL model code: a CLAP checkpoint that also knows the order of sounds."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audio_model_teminal import TeminalAudioModelWithProjection
    from .chunked_loss_teminal import chunked_tnce_loss
    from .configuration_teminal import TeminalConfig
    from .feature_extraction_teminal import TeminalFeatureExtractor
    from .loss_teminal import in_group_loss, tnce_loss
    from .modeling_teminal import TeminalModel
    from .processing_teminal import TeminalProcessor

__all__ = [
    "TeminalAudioModelWithProjection",
    "TeminalConfig",
    "TeminalFeatureExtractor",
    "TeminalModel",
    "TeminalProcessor",
    "chunked_tnce_loss",
    "in_group_loss",
    "tnce_loss",
]
MODULES = {
    "TeminalAudioModelWithProjection": "audio_model_teminal",
    "TeminalConfig": "configuration_teminal",
    "TeminalFeatureExtractor": "feature_extraction_teminal",
    "TeminalModel": "modeling_teminal",
    "TeminalProcessor": "processing_teminal",
    "chunked_tnce_loss": "chunked_loss_teminal",
    "in_group_loss": "loss_teminal",
    "tnce_loss": "loss_teminal",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that what needs no torch goes without it."""
    if name not in MODULES:
        raise AttributeError(f"module 'modeling_teminal' has no attribute {name!r}")
    return getattr(import_module(f".{MODULES[name]}", __name__), name)
