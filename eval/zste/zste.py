"""Compute ZSTE as an `evaluate` module: rules, chance levels, means and intervals of all sub-tasks."""

import math

import datasets
import evaluate
import numpy as np
import pandas as pd

_DESCRIPTION = """
ZSTE measures whether a contrastive audio-text model knows which sounds are in a clip (tasks 1 and 2), in what order
they come (tasks 3, 4 and 5), and whether it still knows the order when the sounds are laid out in other ways than in
halves of ten seconds (task 6). Ties lose: a true candidate that only ties a false one counts as wrong.
"""

_KWARGS_DESCRIPTION = """
Args:
    predictions (`list[list[float]]`): the candidates' scores of each example, higher is better; any finite or
        infinite number but NaN. 4A to 4C take `[s00, s01, s10, s11]` with s_ij = score(audio i, caption j).
    references (`list[list[int]]`): indices of the candidates that are right; `[0, 3]` for 4A to 4C.
    tasks (`list[str]`): the sub-task of each example, 1A to 6G.
    groups (`list[str]`, *optional*): "seen" or "unseen" class pair, "" for examples without a pair.
    seed (`int`, defaults to 0): seed of the bootstrap.

Returns:
    A flat dict of fractions in [0, 1]: for each sub-task "3A", its mean "task3" and the means "recognition" (tasks 1,
    2), "temporal" (3, 4, 5), "robustness" (6) and "zste" (1 to 5) the accuracy, and beside each "3A_ci95"
    ([low, high], 1000 bootstrap samples of the scenes, example i of each sub-task being of scene i), "3A_chance" and
    "3A_n"; with groups also "3A_seen" and "3A_unseen". A mean is given only where all its parts are there.

Examples:
    >>> zste = evaluate.load("zste")
    >>> result = zste.compute(predictions=[[0.9, 0.1], [0.2, 0.7]], references=[[0], [0]], tasks=["3A", "3A"])
    >>> result["3A"], result["3A_chance"], result["3A_n"]
    (0.5, 0.5, 2)
"""

_CITATION = """
@article{sinha2024teminal,
  title={Temporal Enhancement of Contrastive Audio-Language Models through Self-Supervised Post-Training with
    Text-Audio Pairs},
  author={Sinha, Anshuman and Migozzi, Camille and Rey, Aubin and Zhang, Chao},
  journal={arXiv preprint arXiv:2408.09269},
  year={2024}
}
"""

# When an example of a sub-task is right: "all" right candidates score above every wrong one, or "any" of them does, or
# for two audios and two captions the "text", "audio" or "group" score.
SUBTASKS = {
    **dict.fromkeys(["1A", "1B"], "all"),
    **{f"{task}{letter}": "all" for task in "2345" for letter in "ABCD"},
    **{"2B": "any", "2D": "any", "4A": "text", "4B": "audio", "4C": "group"},
    **{f"6{letter}": "all" for letter in "ABCDEFG"},
}
TASKS = {f"task{number}": [name for name in SUBTASKS if name[0] == str(number)] for number in range(1, 7)}
OVERALL = {
    "recognition": ["task1", "task2"],
    "temporal": ["task3", "task4", "task5"],
    "robustness": ["task6"],
    "zste": ["task1", "task2", "task3", "task4", "task5"],
}
MEANS = {**TASKS, **OVERALL}
QUADRUPLE_CHANCE = {"text": 1 / 4, "audio": 1 / 4, "group": 1 / 6}
N_BOOTSTRAP = 1000


def is_right(rule: str, scores: np.ndarray, right: list[int]) -> bool:
    """Judge one example; ties lose."""
    if rule in QUADRUPLE_CHANCE:
        s00, s01, s10, s11 = scores
        text = s00 > s01 and s11 > s10
        audio = s00 > s10 and s11 > s01
        return bool({"text": text, "audio": audio, "group": text and audio}[rule])
    decisive = scores[right].max() if rule == "any" else scores[right].min()
    return bool(decisive > np.delete(scores, right).max())


def chance_level(rule: str, n_candidates: int, n_right: int) -> float:
    """Compute the expected accuracy of random scores without ties."""
    if rule in QUADRUPLE_CHANCE:
        return QUADRUPLE_CHANCE[rule]
    return n_right / n_candidates if rule == "any" else 1 / math.comb(n_candidates, n_right)


def check_example(task: str, scores: np.ndarray, right: list[int], group: str) -> None:
    """Raise a ValueError that says what is wrong with an example."""
    if task not in SUBTASKS:
        raise ValueError(f"unknown sub-task {task!r}; known are {', '.join(SUBTASKS)}")
    if len(scores) == 0 or len(right) == 0:
        raise ValueError(f"empty {'predictions' if len(scores) == 0 else 'references'}")
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    if min(right) < 0 or max(right) >= len(scores):
        raise ValueError(f"reference index out of range for {len(scores)} candidates")
    if len(set(right)) != len(right) or len(right) == len(scores):
        raise ValueError("references must be distinct and leave a wrong candidate")
    if SUBTASKS[task] in QUADRUPLE_CHANCE and (len(scores) != 4 or sorted(right) != [0, 3]):
        raise ValueError("needs four scores [s00, s01, s10, s11] and reference [0, 3]")
    if group not in ("seen", "unseen", ""):
        raise ValueError(f'group must be "seen", "unseen" or "", got {group!r}')


def judge_examples(predictions, references, tasks, groups) -> pd.DataFrame:
    """Judge every example; arguments are those of the metric.

    Returns:
        A row for each example: its `task` and `group`, whether it is `right`, and its `chance` level.

    Raises:
        ValueError: naming the example at fault.
    """
    if len(predictions) == 0:
        raise ValueError("predictions are empty: nothing to score")
    rows = []
    for index, (scores, right, task, group) in enumerate(zip(predictions, references, tasks, groups, strict=True)):
        scores = np.asarray(scores, dtype=np.float64)
        try:
            check_example(task, scores, right, group)
        except ValueError as error:
            raise ValueError(f"example {index} ({task}): {error}") from None
        chance = chance_level(SUBTASKS[task], len(scores), len(right))
        rows.append((task, group, is_right(SUBTASKS[task], scores, right), chance))
    return pd.DataFrame(rows, columns=["task", "group", "right", "chance"])


def add_means(values: dict) -> dict:
    """Add every mean whose parts are all there to values by sub-task (numbers or arrays)."""
    values = dict(values)
    for name, parts in MEANS.items():
        if all(part in values for part in parts):
            values[name] = sum(values[part] for part in parts) / len(parts)
    return values


def resample_accuracies(right: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Compute the accuracy of each sub-task in each bootstrap sample.

    Sub-tasks with equally many examples are resampled together, because their examples i are of the same scene, which
    the interval of a mean must take into account. Task 6 is drawn last, so that the intervals of the others are the
    same with and without it.
    """
    rng, accuracy = np.random.default_rng(seed), {}
    sizes = {len(rights) for task, rights in right.items() if task not in TASKS["task6"]}
    sizes_of_task6 = {len(rights) for rights in right.values()} - sizes
    for n in [*sorted(sizes), *sorted(sizes_of_task6)]:
        together = {task: rights for task, rights in right.items() if len(rights) == n}
        drawn = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(N_BOOTSTRAP)])
        accuracy.update({task: drawn @ rights.astype(np.float64) / n for task, rights in together.items()})
    return accuracy


def compute_figures(judged: pd.DataFrame, seed: int = 0) -> tuple[dict, dict[str, np.ndarray]]:
    """Compute every figure of judged examples, and its values in the bootstrap samples."""
    by_task = judged.groupby("task")
    accuracy = add_means(by_task.right.mean().to_dict())
    chance = add_means(by_task.chance.mean().to_dict())
    samples = add_means(resample_accuracies({task: rows.right.to_numpy() for task, rows in by_task}, seed))
    counts = by_task.size().to_dict()
    for name, parts in MEANS.items():
        counts[name] = sum(counts.get(part, 0) for part in parts)

    figures = {}
    in_order = [name for task, parts in TASKS.items() for name in (*parts, task)]
    for name in [*in_order, *OVERALL]:
        if name in accuracy:
            figures[name] = accuracy[name]
            figures[f"{name}_ci95"] = np.percentile(samples[name], [2.5, 97.5]).tolist()
            figures[f"{name}_chance"] = chance[name]
            figures[f"{name}_n"] = counts[name]
    for kind in ("seen", "unseen"):
        of_kind = judged[judged.group == kind].groupby("task").right.mean().to_dict()
        figures.update({f"{name}_{kind}": value for name, value in add_means(of_kind).items()})
    return figures, samples


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class Zste(evaluate.Metric):
    def _info(self):
        features = {
            "predictions": datasets.Sequence(datasets.Value("float64")),
            "references": datasets.Sequence(datasets.Value("int64")),
            "tasks": datasets.Value("string"),
            "groups": datasets.Value("string"),
        }
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features(features),
            reference_urls=["https://arxiv.org/abs/2408.09269"],
        )

    def compute(self, *, predictions=None, references=None, tasks=None, groups=None, **kwargs):
        """Score examples, or without arguments those collected by `add` and `add_batch` in all processes."""
        inputs = {"predictions": predictions, "references": references, "tasks": tasks}
        missing = [name for name, value in inputs.items() if value is None]
        if len(missing) == len(inputs):
            return super().compute(**kwargs)
        if missing:
            raise ValueError(f"no {' and no '.join(missing)}: predictions, references and tasks go together")
        groups = [""] * len(predictions) if groups is None else groups
        return super().compute(**inputs, groups=groups, **kwargs)

    def add_batch(self, *, predictions=None, references=None, tasks=None, groups=None, **kwargs):
        """Collect examples."""
        groups = [""] * len(predictions) if groups is None else groups
        super().add_batch(predictions=predictions, references=references, tasks=tasks, groups=groups, **kwargs)

    def add(self, *, prediction=None, reference=None, tasks=None, groups="", **kwargs):
        """Collect one example."""
        super().add(prediction=prediction, reference=reference, tasks=tasks, groups=groups, **kwargs)

    def _compute(self, predictions, references, tasks, groups, seed=0):
        return compute_figures(judge_examples(predictions, references, tasks, groups), seed)[0]
