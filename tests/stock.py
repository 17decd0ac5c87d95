"""A tiny checkpoint such as others publish: stock CLAP, with transformers' own feature extractor."""

from pathlib import Path

from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor

from .conftest import TINY_SCRATCH


def save_stock_clap(tiny_clap, folder: Path) -> Path:
    """The weights and the tokenizer of the tiny model."""
    model, processor = tiny_clap
    parts = {name: getattr(model.config, name).to_dict() for name in ("audio_config", "text_config")}
    stock = ClapModel(ClapConfig(projection_dim=model.config.projection_dim, **parts))
    stock.load_state_dict(model.state_dict())
    stock.save_pretrained(folder)
    extractor = ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50, **TINY_SCRATCH["feature_extractor"])
    ClapProcessor(extractor, processor.tokenizer).save_pretrained(folder)
    return folder
