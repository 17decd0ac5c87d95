"""The metric in what `evaluate` offers around it: combined with others, and in several processes."""

import itertools
import multiprocessing
from pathlib import Path

import evaluate
import pytest

METRIC = str(Path(__file__).parents[2] / "eval" / "zste")
RECIPROCAL_RANK = """
import datasets
import evaluate


class ReciprocalRank(evaluate.Metric):
    def _info(self):
        features = {
            "predictions": datasets.Sequence(datasets.Value("float64")),
            "references": datasets.Sequence(datasets.Value("int64")),
        }
        features = datasets.Features(features)
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references):
        ranks = [1 + sum(s > scores[right[0]] for s in scores) for scores, right in zip(predictions, references)]
        return {"reciprocal_rank": sum(1 / rank for rank in ranks) / len(ranks), "3A": None}
"""
# (scores, right, sub-task, group) of six scenes, each asked about in two ways
EXAMPLES = [
    ([float(scene % 3 > 0), 0.5], [0], task, "seen" if scene % 2 else "unseen")
    for scene in range(6)
    for task in ("3A", "3B")
]


def columns(examples):
    names = ("predictions", "references", "tasks", "groups")
    return {name: [example[i] for example in examples] for i, name in enumerate(names)}


def test_two_of_it_combined():
    zste = evaluate.load(METRIC)
    alone = zste.compute(**columns(EXAMPLES))
    both = evaluate.combine([METRIC, METRIC])
    expected = {f"zste_{number}_{name}": value for number in (0, 1) for name, value in alone.items()}
    assert both.compute(**columns(EXAMPLES)) == expected
    both = evaluate.combine({"a": evaluate.load(METRIC), "b": zste}, force_prefix=True)
    assert set(both.compute(**columns(EXAMPLES))) == {f"{prefix}_{name}" for prefix in "ab" for name in alone}


def test_combined_with_another_metric(tmp_path):
    (tmp_path / "reciprocal_rank.py").write_text(RECIPROCAL_RANK)
    alone = evaluate.load(METRIC).compute(**columns(EXAMPLES))
    both = evaluate.combine([METRIC, str(tmp_path / "reciprocal_rank.py")])
    both.add_batch(**columns(EXAMPLES[:-1]))
    scores, right, task, group = EXAMPLES[-1]
    both.add(prediction=scores, reference=right, tasks=task, groups=group)
    result = both.compute()
    assert result.pop("reciprocal_rank") == pytest.approx((4 + 2 / 2) / 6)
    assert result.pop("reciprocal_rank_3A") is None
    assert result.pop("zste_3A") == alone.pop("3A")
    assert result == alone


def of_process(process_id, shares, cache_dir, results):
    zste = evaluate.load(
        METRIC, num_process=len(shares), process_id=process_id, experiment_id="test", cache_dir=cache_dir
    )
    share = shares[process_id]
    if process_id == 0:
        for scores, right, task, group in share:
            zste.add(prediction=scores, reference=right, tasks=task, groups=group)
        result = zste.compute(seed=3)
    elif process_id == 1:
        zste.add_batch(**columns(share))
        result = zste.compute()
    else:
        result = zste.compute(**columns(share))
    results.put((process_id, result))


@pytest.mark.parametrize("bounds", [(0, 6, 12), (0, 2, 8, 12), (0, 6, 12, 12)], ids=["2", "3", "the last has nothing"])
def test_several_processes_give_what_one_gives(bounds, tmp_path):
    shares = [EXAMPLES[start:end] for start, end in itertools.pairwise(bounds)]
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    arguments = (shares, str(tmp_path), results)
    processes = [context.Process(target=of_process, args=(rank, *arguments)) for rank in range(len(shares))]
    for process in processes:
        process.start()
    found = dict(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(timeout=60)
    assert found.pop(0) == evaluate.load(METRIC).compute(**columns(EXAMPLES), seed=3)
    assert set(found.values()) == {None}


def test_what_is_left_out_is_named():
    zste = evaluate.load(METRIC)
    with pytest.raises(ValueError, match="no references and no tasks: "):
        zste.compute(predictions=[[1, 0]])
    with pytest.raises(ValueError, match="no predictions: "):
        zste.compute(references=[[0]], tasks=["3A"])
