"""The metric on small inputs, and the example in its docstring."""

import doctest
import importlib
import math
from pathlib import Path

import evaluate
import numpy as np
import pytest

EVAL = Path(__file__).parents[2] / "eval"


@pytest.fixture(scope="module")
def zste():
    return evaluate.load(str(EVAL / "zste"))


def accuracy(zste, task, scores, right):
    return zste.compute(predictions=[scores], references=[right], tasks=[task])[task]


@pytest.mark.parametrize(
    ("task", "scores", "right", "expected"),
    [
        ("1A", [0.1, 0.9, 0.3], [1], 1.0),
        ("1A", [0.9, 0.9, 0.3], [1], 0.0),
        ("2A", [0.8, 0.9, 0.3], [0, 1], 1.0),
        ("2A", [0.8, 0.9, 0.8], [0, 1], 0.0),
        ("2B", [0.1, 0.9, 0.8], [0, 1], 1.0),
        ("2B", [0.1, 0.8, 0.8], [0, 1], 0.0),
        ("3A", [0.5, 0.4], [0], 1.0),
        ("3A", [0.5, 0.5], [0], 0.0),
        ("3C", [0.1, 0.2, 0.3], [2], 1.0),
        ("3D", [0.9, 0.2, 0.3, 0.8], [0, 3], 1.0),
        ("3D", [0.9, 0.4, 0.3, 0.35], [0, 3], 0.0),
        ("4A", [0.6, 0.5, 0.7, 0.8], [0, 3], 1.0),
        ("4B", [0.6, 0.5, 0.7, 0.8], [0, 3], 0.0),
        ("4B", [0.6, 0.7, 0.5, 0.8], [0, 3], 1.0),
        ("4C", [0.6, 0.5, 0.5, 0.8], [0, 3], 1.0),
        ("4C", [0.6, 0.5, 0.7, 0.8], [0, 3], 0.0),
        ("5D", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [5], 1.0),
        ("6A", [0.9, 0.2, 0.8, 0.3], [0, 2], 1.0),
        ("6G", [0.9, 0.35, 0.3, 0.4], [0, 2], 0.0),
        ("6G", [0.9, 0.4, 0.4, 0.3], [0, 2], 0.0),
    ],
)
def test_rules(zste, task, scores, right, expected):
    assert accuracy(zste, task, scores, right) == expected


@pytest.mark.parametrize(
    ("task", "n_candidates", "right", "chance"),
    [
        ("1A", 50, [3], 1 / 50),
        ("2A", 50, [3, 4], 2 / (50 * 49)),
        ("2B", 50, [3, 4], 2 / 50),
        ("3A", 2, [0], 1 / 2),
        ("3C", 3, [0], 1 / 3),
        ("3D", 4, [0, 3], 1 / 6),
        ("4A", 4, [0, 3], 1 / 4),
        ("4C", 4, [0, 3], 1 / 6),
        ("4D", 3 * 50 * 49 // 2, [7], 2 / (3 * 50 * 49)),
        ("5D", 6, [0], 1 / 6),
        ("6B", 4, [0, 2], 1 / 6),
    ],
)
def test_chance_is_stated_and_is_what_random_scores_get(zste, task, n_candidates, right, chance):
    n = 200 if n_candidates > 1000 else 2000
    scores = np.random.default_rng(0).random((n, n_candidates)).tolist()
    result = zste.compute(predictions=scores, references=[right] * n, tasks=[task] * n)
    assert result[f"{task}_chance"] == pytest.approx(chance)
    assert abs(result[task] - chance) <= 4 * math.sqrt(chance / n)


def test_a_constant_score_gets_nothing(zste):
    tasks = ["1A", "2A", "2B", "3A", "3D", "4A", "4B", "4C", "4D", "6A", "6G"]
    result = zste.compute(predictions=[[0.5] * 4] * 11, references=[[0, 3]] * 11, tasks=tasks)
    assert all(result[task] == 0 for task in tasks)


ALL = [
    f"{task}{sub}"
    for task, subs in (("1", "AB"), ("2", "ABCD"), ("3", "ABCD"), ("4", "ABCD"), ("5", "ABCD"), ("6", "ABCDEFG"))
    for sub in subs
]


def test_means_and_their_intervals(zste):
    predictions, references, tasks = [], [], []
    for i, task in enumerate(ALL):
        for j in range(10):
            good = j < (i % 5) * 2
            predictions.append([1.0, 0.0, 0.0, 1.0] if good else [0.0, 1.0, 1.0, 0.0])
            references.append([0, 3])
            tasks.append(task)
    result = zste.compute(predictions=predictions, references=references, tasks=tasks)
    task_means = [np.mean([result[name] for name in ALL if name[0] == str(t)]) for t in range(1, 7)]
    assert [result[f"task{t}"] for t in range(1, 7)] == pytest.approx(task_means)
    assert result["recognition"] == pytest.approx(np.mean(task_means[:2]))
    assert result["temporal"] == pytest.approx(np.mean(task_means[2:5]))
    assert result["zste"] == pytest.approx(np.mean(task_means[:5]))
    assert result["zste_n"] == 180
    for suffix in ("", "_ci95", "_chance", "_n"):
        assert result[f"robustness{suffix}"] == result[f"task6{suffix}"]
    for name in ("3C", "task3", "temporal", "task6", "zste"):
        low, high = result[f"{name}_ci95"]
        assert 0 <= low < result[name] < high <= 1


def test_task_6_changes_no_other_figure(zste):
    rng = np.random.default_rng(0)
    tasks = [task for task in ALL if task[0] != "6" for _ in range(1 if task == "1A" else 9)]
    tasks_with_6 = tasks + [task for task in ALL if task[0] == "6" for _ in range(4)]
    scores = rng.random((len(tasks_with_6), 4)).tolist()
    groups = rng.choice(["seen", "unseen"], len(tasks_with_6)).tolist()

    def compute(tasks):
        n = len(tasks)
        return zste.compute(predictions=scores[:n], references=[[0, 3]] * n, tasks=tasks, groups=groups[:n])

    without, with_6 = compute(tasks), compute(tasks_with_6)
    assert {name: with_6[name] for name in without} == without
    more = {name for name in with_6 if name not in without}
    assert {"6A_seen", "task6_unseen", "robustness", "robustness_unseen"} <= more
    assert all(name.startswith(("6", "task6", "robustness")) for name in more)


def test_a_mean_is_given_only_where_all_parts_are_there(zste):
    result = zste.compute(predictions=[[1, 0]] * 4, references=[[0]] * 4, tasks=["3A", "3B", "3C", "1A"])
    assert not {"task1", "task3", "recognition", "temporal", "zste"} & set(result)


def test_interval_is_the_bootstrap_over_examples_and_seeded(zste):
    data = {"predictions": [[1, 0]] * 60 + [[0, 1]] * 40, "references": [[0]] * 100, "tasks": ["3A"] * 100}
    result, again, other = zste.compute(**data), zste.compute(**data), zste.compute(**data, seed=1)
    assert result == again
    assert result["3A_ci95"] == pytest.approx([0.5, 0.69], abs=0.03)
    assert other["3A"] == result["3A"] == pytest.approx(0.6)


def test_examples_may_be_collected_one_by_one_or_in_batches(zste):
    zste.add(prediction=[1, 0], reference=[0], tasks="3A")
    zste.add_batch(predictions=[[1, 0], [0, 1]], references=[[0], [0]], tasks=["3A", "3A"])
    result = zste.compute()
    assert (result["3A"], result["3A_n"]) == (pytest.approx(2 / 3), 3)


def test_seen_and_unseen_pairs_apart(zste):
    result = zste.compute(
        predictions=[[1, 0], [1, 0], [0, 1], [1, 0]],
        references=[[0]] * 4,
        tasks=["3A", "3A", "3A", "1A"],
        groups=["seen", "seen", "unseen", ""],
    )
    assert (result["3A_seen"], result["3A_unseen"]) == (1.0, 0.0)
    assert "1A_seen" not in result


@pytest.mark.parametrize(
    ("predictions", "references", "tasks", "message"),
    [
        ([], [], [], "empty"),
        ([[1, 0], [1, 0]], [[0], [0]], ["3A", "9Z"], "example 1 .*unknown sub-task '9Z'"),
        ([[1, 0], []], [[0], [0]], ["3A", "3A"], "example 1 .*empty predictions"),
        ([[1, 0], [1, 0]], [[0], []], ["3A", "3A"], "example 1 .*empty references"),
        ([[1, 0], [1, 0]], [[0], [2]], ["3A", "3A"], "example 1 .*out of range"),
        ([[1, 0], [1, 0]], [[0], [-1]], ["3A", "3A"], "example 1 .*out of range"),
        ([[1, 0], [1, float("nan")]], [[0], [0]], ["3A", "3A"], "example 1 .*NaN"),
        ([[1, 0]], [[0, 1]], ["3A"], "example 0 .*wrong candidate"),
        ([[1, 0]], [[0]], ["4A"], "example 0 .*four scores"),
    ],
)
def test_bad_input_says_which_example(zste, predictions, references, tasks, message):
    with pytest.raises(ValueError, match=message):
        zste.compute(predictions=predictions, references=references, tasks=tasks)


def test_loads_by_path_from_the_root_and_by_name_from_eval(monkeypatch):
    monkeypatch.chdir(EVAL.parent)
    assert evaluate.load("eval/zste").compute(predictions=[[1, 0]], references=[[0]], tasks=["3A"])["3A"] == 1
    monkeypatch.chdir(EVAL)
    assert evaluate.load("zste").compute(predictions=[[1, 0]], references=[[0]], tasks=["3A"])["3A"] == 1


EVAL = Path(__file__).parents[2] / "eval"


def test_the_example_in_the_docstring_says_what_the_metric_gives(monkeypatch):
    monkeypatch.chdir(EVAL)  # where `evaluate.load("zste")` finds it
    factory = evaluate.loading.evaluation_module_factory(str(EVAL / "zste"))
    module = importlib.import_module(factory.module_path)
    results = doctest.testmod(module, raise_on_error=True)
    assert results.attempted == 3
    assert results.failed == 0
    assert module.Zste.__doc__.count("predictions (`list[list[float]]`)") == 1
