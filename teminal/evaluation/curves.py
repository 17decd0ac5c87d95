"""Compute how often order is told right as gap, ratio, total length and background change."""

import numpy as np
from scipy.stats import binomtest

from teminal.evaluation.score import CosineTable, chance_level, is_right
from teminal.evaluation.zste_questions import Example
from teminal.sampling.curves import CURVES, name_point


def score_curves(examples: list[Example], table: CosineTable) -> dict[str, list[dict]]:
    """Compute the accuracy at every point of the curves.

    Args:
        examples: about the scenes of [`draw_curve_scenes`]; their `task` is the point.

    Returns:
        Curve -> its points in order, each with its `value`, `accuracy`, `ci95` (Wilson's, [low, high]), `chance`, `n`.
    """
    right: dict[str, list[bool]] = {}
    for example in examples:
        right.setdefault(example.task, []).append(is_right("all", table.read(example), list(example.right)))
    chance = chance_level("all", len(examples[0].candidates), len(examples[0].right))
    curves: dict[str, list[dict]] = {}
    for curve, values in CURVES.items():
        curves[curve] = []
        for value in values:
            of_point = right[name_point(curve, value)]
            low, high = binomtest(sum(of_point), len(of_point)).proportion_ci(method="wilson")
            point = {"value": value, "accuracy": float(np.mean(of_point)), "ci95": [low, high]}
            curves[curve].append(point | {"chance": chance, "n": len(of_point)})
    return curves
