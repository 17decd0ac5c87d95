"""The metric beside its definition written out in loops, and what random scores get."""

import numpy as np
import pytest
from scipy.stats import binomtest

from eval.zste import zste as module
from eval.zste.zste import SUBTASKS, Zste, is_right

N_CASES, N_BATCHES = 10_000, 40
TASK_NAMES = [*("1A", "1B"), *(f"{task}{letter}" for task in "2345" for letter in "ABCD")]
TASK_NAMES += [f"6{letter}" for letter in "ABCDEFG"]
VALUES = [0.0, 0.5, 1.0]


@pytest.fixture
def zste(monkeypatch):
    monkeypatch.setattr(module, "N_BOOTSTRAP", 2)  # intervals have tests of their own
    return Zste()


def counts_as_right(task, scores, right, beats):
    if task in ("4A", "4B", "4C"):
        s00, s01, s10, s11 = scores
        of_text = beats(s00, s01) and beats(s11, s10)
        of_audio = beats(s00, s10) and beats(s11, s01)
        return {"4A": of_text, "4B": of_audio, "4C": of_text and of_audio}[task]
    winners = 0
    for candidate in right:
        lost = False
        for other in range(len(scores)):
            if other not in right and not beats(scores[candidate], scores[other]):
                lost = True
        winners += not lost
    return winners > 0 if task in ("2B", "2D") else winners == len(right)


def figures_of(cases):
    """Sub-task -> accuracy, and the means, of (task, is right) pairs."""
    accuracy = {}
    for name in TASK_NAMES:
        rights = [right for task, right in cases if task == name]
        if rights:
            accuracy[name] = sum(rights) / len(rights)
    means = {}
    for number in range(1, 7):
        names = [name for name in TASK_NAMES if name[0] == str(number)]
        if all(name in accuracy for name in names):
            means[number] = sum(accuracy[name] for name in names) / len(names)
    figures = {**accuracy, **{f"task{number}": value for number, value in means.items()}}
    for name, numbers in (
        *(("recognition", (1, 2)), ("temporal", (3, 4, 5))),
        *(("robustness", (6,)), ("zste", (1, 2, 3, 4, 5))),
    ):
        if all(number in means for number in numbers):
            figures[name] = sum(means[number] for number in numbers) / len(numbers)
    return figures


def random_case(rng, names):
    task = str(rng.choice(names))
    if task in ("4A", "4B", "4C"):
        n_candidates, right = 4, [0, 3]
    else:
        n_candidates = int(rng.integers(2, 9))
        right = rng.permutation(n_candidates)[: rng.integers(1, n_candidates)].tolist()
    values = [*VALUES, -np.inf, np.inf] if rng.random() < 0.1 else VALUES
    scores = rng.choice(values, n_candidates)
    if rng.random() < 0.5:  # else hardly any is right
        scores[right] += rng.choice(VALUES)
    return task, scores.tolist(), right, str(rng.choice(["seen", "unseen", ""]))


def test_ten_thousand_cases(zste):
    rng = np.random.default_rng(0)
    n_right = n_decided_by_ties = 0
    for batch in range(N_BATCHES):
        names = TASK_NAMES if batch % 2 else rng.choice(TASK_NAMES, 12, replace=False)
        cases = [random_case(rng, names) for _ in range(N_CASES // N_BATCHES)]
        expected = []
        for task, scores, right, group in cases:
            expected.append((task, group, counts_as_right(task, scores, right, lambda a, b: a > b)))
            assert is_right(SUBTASKS[task], np.array(scores), right) == expected[-1][2], (task, scores, right)
            n_right += expected[-1][2]
            n_decided_by_ties += expected[-1][2] != counts_as_right(task, scores, right, lambda a, b: a >= b)
        tasks, predictions, references, groups = map(list, zip(*cases, strict=True))
        result = zste.compute(predictions=predictions, references=references, tasks=tasks, groups=groups)
        figures = figures_of([(task, right) for task, _, right in expected])
        for kind in ("seen", "unseen"):
            of_kind = figures_of([(task, right) for task, group, right in expected if group == kind])
            figures |= {f"{name}_{kind}": value for name, value in of_kind.items()}
        assert {name: value for name, value in result.items() if not name.endswith(("_ci95", "_chance", "_n"))} == (
            pytest.approx(figures)
        )
        assert {name for name in result if name.endswith("_n")} == {f"{n}_n" for n in figures if "seen" not in n}
    assert n_right > N_CASES / 5
    assert n_decided_by_ties > N_CASES / 5


def test_random_scores_land_on_every_chance_level(zste):
    n, n_classes = 5_000, 4
    n_statements = 3 * n_classes * (n_classes - 1) // 2
    asked = {  # sub-task: candidates, right ones, chance
        **dict.fromkeys(("1A", "1B"), (n_classes, [1], 1 / n_classes)),
        **dict.fromkeys(("2A", "2C"), (n_classes, [0, 2], 2 / (n_classes * (n_classes - 1)))),
        **dict.fromkeys(("2B", "2D"), (n_classes, [0, 2], 2 / n_classes)),
        **dict.fromkeys(("3A", "3B", "5A", "5C"), (2, [1], 1 / 2)),
        **dict.fromkeys(("3C", "5B"), (3, [2], 1 / 3)),
        **{"3D": (4, [1, 2], 1 / 6), "5D": (6, [5], 1 / 6)},
        **{f"6{letter}": (4, [0, 2], 1 / 6) for letter in "ABCDEFG"},
        **{"4A": (4, [0, 3], 1 / 4), "4B": (4, [0, 3], 1 / 4), "4C": (4, [0, 3], 1 / 6)},
        "4D": (n_statements, [3], 1 / n_statements),
    }
    assert set(asked) == set(TASK_NAMES)
    rng = np.random.default_rng(1)
    for task, (n_candidates, right, chance) in asked.items():
        scores = rng.random((n, n_candidates)).tolist()
        result = zste.compute(predictions=scores, references=[right] * n, tasks=[task] * n)
        assert result[f"{task}_chance"] == pytest.approx(chance)
        n_right = round(result[task] * n)
        assert binomtest(n_right, n, chance).pvalue > 0.05 / len(asked), (task, result[task], chance)
