"""Are two models different? The same questions, answered by each, and a paired bootstrap over scenes."""

from collections import defaultdict

import numpy as np

from eval.zste.zste import SUBTASKS, add_means, is_right, resampled_accuracies
from teminal.evaluation.report import sample_differences
from teminal.evaluation.score import scores_of
from teminal.evaluation.zste_questions import Example


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
