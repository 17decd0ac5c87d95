"""Load the model of the page, and the one it was before it learned order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sounds import make_library

import teminal
from teminal.evaluation.models import AudioTextModel
from teminal.files import assets_folder
from teminal.rendering import SAMPLING_RATE
from teminal.search.embed import embed_folder
from teminal.search.options import EmbedOptions

try:
    from spaces import GPU  # of a ZeroGPU Space, which lends a GPU for each call
except ImportError:

    def GPU(function: Callable) -> Callable:  # noqa: N802
        """Leave a function as it is, on a machine with devices of its own or none."""
        return function


class Models:
    """The trained model, its base where that is known, and an index of generated sounds.

    Raises:
        ValueError, OSError: a model cannot be loaded.
    """

    def __init__(self, model_name_or_path: str, base_model_name_or_path: str | None = None):
        self.path = model_name_or_path
        self.trained = teminal.load(model_name_or_path)
        before = Path(model_name_or_path, "after_pretrain")  # what a training from scratch leaves
        base = base_model_name_or_path or (str(before) if before.is_dir() else None)
        self.library = embed_library(model_name_or_path, self.trained)
        self.by_name = {"trained": self.trained}
        if base:
            self.by_name = {"before": teminal.load(base), **self.by_name}

    def describe(self) -> str:
        """Tell which models the page has."""
        beside = "; beside it, what it was before it learned order" if len(self.by_name) > 1 else ""
        return f"Model: `{Path(self.path).name}`{beside}."

    def score(self, waveform: np.ndarray, statements: list[str]) -> dict[str, np.ndarray]:
        """Compute the cosine of a recording (samples,) at 48 kHz with each statement, (statements,), by model."""
        return {
            name: model.embed_text(statements) @ model.embed_audio([waveform], SAMPLING_RATE)[0]
            for name, model in self.by_name.items()
        }


def embed_library(model_name_or_path: str, model: AudioTextModel) -> str:
    """Make the library of generated sounds if it is missing, and its index by a model."""
    root = assets_folder("library")
    if not (root / "sounds").is_dir():
        make_library(root / "making")
        (root / "making").rename(root / "sounds")
    index = root / model.identity.replace(", ", "-")
    embed_folder(EmbedOptions(folder=root / "sounds", model=model_name_or_path, index=index), model)
    return str(index)
