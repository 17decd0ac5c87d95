"""Compute bootstrap confidence intervals of figures and of differences between models.

The bootstrap is not SciPy's, because models and figures share its samples, so that differences are paired.
"""

import itertools
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

N_BOOTSTRAP = 1000
PACKAGES = ("torch", "transformers", "numpy", "scikit-learn", "soundfile", "soxr")


class Figures(dict[str, Any]):
    """Figures of one model by name, each with its `_ci95` ([low, high]), `_n` and, if known, `_chance`.

    Attributes:
        samples: figure -> its value in each bootstrap sample, (N_BOOTSTRAP,).
        right: of ZSTE, sub-task -> whether each question is answered right.
        confusion: of composed search, how often each kind of composition is found first.
        wordings: of ZSTE, figures of other questions, see `teminal.evaluation.wordings`.
        curves: of ZSTE, see `teminal.evaluation.curves`.
    """

    def __init__(self, figures: Mapping[str, Any] | None = None, samples: dict[str, np.ndarray] | None = None):
        super().__init__(figures or {})
        self.samples = samples or {}
        self.right: dict[str, list[bool]] = {}
        self.confusion: Figures | None = None
        self.wordings: Figures | None = None
        self.curves: dict[str, list[dict]] = {}

    def add(self, name: str, value: float, samples: np.ndarray, n: int, chance: float | None = None) -> None:
        """Add a figure.

        Args:
            samples: its value in each bootstrap sample, (N_BOOTSTRAP,).
            n: number of clips, captions or rows.
        """
        self.samples[name] = samples
        self[name] = float(value)
        self[f"{name}_ci95"] = np.percentile(samples, [2.5, 97.5]).tolist()
        self[f"{name}_n"] = n
        if chance is not None:
            self[f"{name}_chance"] = float(chance)


def resample(n: int, seed: int | Sequence[int]) -> np.ndarray:
    """Draw bootstrap samples of n items: how often each has each item, (N_BOOTSTRAP, n) int32."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=N_BOOTSTRAP).astype(np.int32)


def compare_models(results: Mapping[str, Figures]) -> dict[str, dict[str, dict]]:
    """Compute the difference of each model to each one before it, with paired 95 % intervals.

    Figures must share the seed of their bootstrap.

    Returns:
        "B - A" -> figure -> `difference` and `ci95` ([low, high]).
    """
    differences: dict[str, dict[str, dict]] = {}
    for before, after in itertools.combinations(results, 2):
        one, other = results[before], results[after]
        differences[f"{after} - {before}"] = {
            name: {
                "difference": other[name] - one[name],
                "ci95": np.percentile(other.samples[name] - one.samples[name], [2.5, 97.5]).tolist(),
            }
            for name in other
            if name in other.samples
        }
    return differences


def check_scores(scores: np.ndarray, shape: tuple[int, ...], meaning: str) -> None:
    """Raise a ValueError if scores are not finite or of another shape; `meaning` names the axes."""
    if scores.shape != shape:
        raise ValueError(f"scores have shape {scores.shape}, expected is {shape}: {meaning}")
    if 0 in shape:
        raise ValueError(f"there is nothing to score: {meaning} are {shape}")
    if not np.isfinite(scores).all():
        where = tuple(np.argwhere(~np.isfinite(scores))[0].tolist())
        raise ValueError(f"score {where} ({meaning}) is not finite")


def list_versions() -> dict[str, str]:
    """List the versions of Python and of the packages that figures depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
