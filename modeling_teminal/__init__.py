"""TeminAL model code: a CLAP checkpoint that also knows the order of sounds."""

from .configuration_teminal import TeminalConfig
from .feature_extraction_teminal import TeminalFeatureExtractor
from .loss_teminal import in_group_loss, tnce_loss
from .modeling_teminal import TeminalModel

__all__ = ["TeminalConfig", "TeminalFeatureExtractor", "TeminalModel", "in_group_loss", "tnce_loss"]
