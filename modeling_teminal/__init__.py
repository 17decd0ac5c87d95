"""TeminAL model code: a CLAP checkpoint that also knows the order of sounds."""

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
