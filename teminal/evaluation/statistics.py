"""Figures with bootstrap intervals, and differences between models."""

import itertools
import platform
from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from eval.zste.zste import SUBTASKS, add_means, is_right, resampled_accuracies
from teminal.evaluation.score import scores_of
from teminal.evaluation.tables import scale_of
from teminal.evaluation.zste_questions import Example

N_BOOTSTRAP = 1000
PACKAGES = ("torch", "transformers", "numpy", "scikit-learn", "soundfile", "soxr")


def versions() -> dict[str, str]:
    """What figures depend on besides model, data and seed."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def resample(n: int, seed: int | Sequence[int]) -> np.ndarray:
    """How often each of n items is in each bootstrap sample, (N_BOOTSTRAP, n) int32; every row sums to n."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=N_BOOTSTRAP).astype(np.int32)


def figure(
    name: str, value: float, samples: np.ndarray, n: int, chance: float | None = None, keep: dict | None = None
) -> dict:
    """`name` with its `_ci95` ([low, high]), `_n` and, where there is one, `_chance`.

    Args:
        samples: the value in each bootstrap sample.
        n: what was asked: clips, captions or rows.
        keep: gets the samples under the name, for [`sample_differences`].
    """
    if keep is not None:
        keep[name] = samples
    figures = {name: float(value), f"{name}_ci95": np.percentile(samples, [2.5, 97.5]).tolist(), f"{name}_n": n}
    return figures if chance is None else {**figures, f"{name}_chance": float(chance)}


def sample_differences(results: dict[str, dict], samples: dict[str, dict[str, np.ndarray]]) -> dict[str, dict]:
    """How much each model differs from each before it, with 95 % intervals: those of paired samples.

    Args:
        results: model -> its figures.
        samples: model -> what [`figure`] has kept, drawn with the same seed for all.

    Returns:
        "B - A" -> figure -> `difference` and `ci95` ([low, high]).
    """
    return {
        f"{after} - {before}": {
            name: {
                "difference": results[after][name] - results[before][name],
                "ci95": np.percentile(samples[after][name] - samples[before][name], [2.5, 97.5]).tolist(),
            }
            for name in samples[after]
        }
        for before, after in itertools.combinations(results, 2)
    }


def check_scores(scores: np.ndarray, shape: tuple[int, ...], meaning: str) -> None:
    """Scores are finite and of this shape.

    Raises:
        ValueError: they are not; `meaning` says in words what the shape is.
    """
    if scores.shape != shape:
        raise ValueError(f"scores have shape {scores.shape}, expected is {shape}: {meaning}")
    if 0 in shape:
        raise ValueError(f"there is nothing to score: {meaning} are {shape}")
    if not np.isfinite(scores).all():
        where = tuple(np.argwhere(~np.isfinite(scores))[0].tolist())
        raise ValueError(f"score {where} ({meaning}) is not finite")


def format_table(results: dict[str, dict]) -> str:
    """One row a figure, one column a model: percent with interval; ranks as they are."""
    first = next(iter(results.values()))
    names = [name for name in first if f"{name}_ci95" in first]
    cells = [["", "chance", *results]]
    for name in names:
        scale = scale_of(name)
        chance = first.get(f"{name}_chance")
        cells.append([name, "" if chance is None else f"{scale * chance:.2f}"])
        for result in results.values():
            low, high = result[f"{name}_ci95"]
            cells[-1].append(f"{scale * result[name]:.1f} [{scale * low:.1f}, {scale * high:.1f}]")
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in cells)


def right_answers(examples: list[Example], cosines: np.ndarray) -> dict[str, list[bool]]:
    """Sub-task -> whether each of its examples is answered right; `cosines` as in [`score_cosines`]."""
    right = defaultdict(list)
    for example, scores in zip(examples, scores_of(examples, examples, cosines), strict=True):
        right[example.task].append(is_right(SUBTASKS[example.task], scores, list(example.right)))
    return {task: right[task] for task in SUBTASKS if task in right}


def differences(answers: dict[str, dict[str, list[bool]]], seed: int = 0) -> dict[str, dict[str, dict]]:
    """How much each model differs from each before it, with paired 95 % intervals.

    Both are resampled with the same scenes, so that what is hard for both does not widen the interval.

    Args:
        answers: model -> what [`right_answers`] gives, of the same examples.

    Returns:
        "B - A" -> sub-task or mean -> `difference` (of fractions) and `ci95` ([low, high]).
    """
    accuracy, resampled = {}, {}
    for name, right in answers.items():
        accuracy[name] = add_means({task: float(np.mean(values)) for task, values in right.items()})
        resampled[name] = add_means(resampled_accuracies(right, np.random.default_rng(seed)))
    return sample_differences(accuracy, resampled)
