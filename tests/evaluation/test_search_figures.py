"""Figures of composed search against loops, and of models that hear all, all but the order, or nothing."""

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from teminal.evaluation.embeddings import cosine_scores
from teminal.evaluation.search_figures import MEANS, METRICS, search_figures
from teminal.evaluation.search_queries import OUTCOMES, find_unseen, tabulate_outcomes
from teminal.evaluation.statistics import compare_models

from .search_sets import CLASSES, N_SETS
from .test_search_queries import heard


@pytest.fixture(scope="module")
def score(queries, entries):
    """Takes cosines of (compositions, queries) and a seed; returns figures."""
    outcomes, is_unseen = tabulate_outcomes(queries, entries), find_unseen(queries, {("cow", "hen"), ("frog", "wind")})
    return lambda cosines, seed=0: search_figures(cosines, queries, outcomes, is_unseen, seed)


@pytest.fixture(scope="module")
def noise(queries, entries):
    return np.random.default_rng(0).standard_normal((len(entries), len(queries)))


def normalised(rows):
    rows = np.array(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def true_texts(sounds):
    """Every query that is true of what is heard."""
    labels = [label for label, _, _ in sounds]
    absent = [name.replace("_", " ") for name in CLASSES if name.replace("_", " ") not in labels]
    said = [f"{label} without {other}" for label in labels for other in absent]
    for (x, start_x, end_x), (y, start_y, end_y) in itertools.permutations(sounds, 2):
        if start_x == start_y:
            said.append(f"{x} while {y}")
        elif start_x < start_y:
            said += [f"{x} before {y}", f"{y} after {x}"]
            if (end_x - start_x, end_y - start_y) == (2, 8):
                said.append(f"a short {x} before a long {y}")
            if (end_x - start_x, end_y - start_y) == (8, 2):
                said.append(f"a long {x} before a short {y}")
    if len(sounds) == 3 and sounds[0][1] < sounds[1][1]:
        said.append(" then ".join(labels))
    return [f"This is a sound of {text}." for text in said]


def test_a_model_that_hears_everything_finds_everything(score, queries, entries):
    texts = sorted({query.text for query in queries})
    audio = [[text in true_texts(heard(entry)) for text in texts] for entry in entries]
    embeds = np.array(audio, np.float32) / np.sqrt(np.sum(audio, axis=1, keepdims=True).clip(1))
    figures = score(cosine_scores(embeds, np.eye(len(texts))[[texts.index(query.text) for query in queries]]))
    for kind in (*OUTCOMES, *MEANS):
        assert [figures[f"{kind}_{metric}"] for metric in METRICS] == pytest.approx([1] * 4)
    assert all(figures.confusion[f"{kind}_finds_right"] == 1 for kind in OUTCOMES)
    assert figures["order_R@1_ci95"] == [1, 1]


def test_a_model_that_hears_no_order_finds_the_other_order_first(score, queries, entries):
    def embed(labels, is_overlay):
        return [label in labels for label in CLASSES] + [not is_overlay, is_overlay]

    audio = normalised([embed(entry.scene.labels, entry.scene.relation == "overlay") for entry in entries])
    text = normalised([embed(query.labels, query.kind == "overlap") for query in queries])
    figures = score(cosine_scores(audio, text))
    found = {name: share for name, share in figures.confusion.items() if share == 1 and name.count("_finds_") == 1}
    assert set(found) == {
        "order_finds_other_order",
        "overlap_finds_right",
        "order_of_three_finds_other_order",
        "negation_finds_both_heard",
        "duration_finds_other_lengths",
    }
    assert [figures[f"{kind}_R@1"] for kind in OUTCOMES] == [0, 1, 0, 0, 0]
    assert (figures["temporal_R@1"], figures["mean_R@1"]) == (pytest.approx(1 / 3), pytest.approx(1 / 5))


def test_a_model_that_hears_nothing_finds_nothing(score, noise):
    figures = score(np.full_like(noise, 0.3))
    for kind in (*OUTCOMES, *MEANS):
        assert {figures[f"{kind}_{metric}"] for metric in METRICS} == {0}
    assert all(figures.confusion[f"{kind}_finds_right"] == 0 for kind in OUTCOMES)


def test_figures_are_those_of_loops(score, noise, queries, entries):
    outcomes = tabulate_outcomes(queries, entries)
    scores = noise + (outcomes == 0).T
    figures = score(scores)
    values = {kind: {metric: [] for metric in METRICS} for kind in OUTCOMES}
    firsts = {kind: [] for kind in OUTCOMES}
    for column, query in enumerate(queries):
        ranking = sorted(range(len(entries)), key=lambda row: -scores[row, column])
        right = [outcomes[column, row] == 0 for row in ranking]
        n_best = min(10, sum(right))
        hits, precision, gain = 0, 0.0, 0.0
        for rank, is_right in enumerate(right[:10], start=1):
            if is_right:
                hits += 1
                precision += hits / rank
                gain += 1 / math.log2(rank + 1)
        of_kind = values[query.kind]
        of_kind["R@1"].append(right[0])
        of_kind["R@10"].append(any(right[:10]))
        of_kind["mAP@10"].append(precision / n_best)
        of_kind["nDCG@10"].append(gain / sum(1 / math.log2(rank + 1) for rank in range(1, n_best + 1)))
        of_scikit_learn = ndcg_score([outcomes[column] == 0], [scores[:, column]], k=10)
        assert of_kind["nDCG@10"][-1] == pytest.approx(of_scikit_learn)
        firsts[query.kind].append(OUTCOMES[query.kind][outcomes[column, ranking[0]]])
    for kind, of_kind in values.items():
        for metric, expected in of_kind.items():
            assert figures[f"{kind}_{metric}"] == pytest.approx(np.mean(expected))
            assert figures[f"{kind}_{metric}_n"] == 2 * N_SETS
        for name in OUTCOMES[kind]:
            assert figures.confusion[f"{kind}_finds_{name}"] == firsts[kind].count(name) / len(firsts[kind])
    for name, parts in MEANS.items():
        for metric in METRICS:
            expected = np.mean([np.mean(values[kind][metric]) for kind in parts])
            assert figures[f"{name}_{metric}"] == pytest.approx(expected)
            assert figures[f"{name}_{metric}_n"] == 2 * N_SETS * len(parts)
            assert 0 < figures[f"{name}_{metric}"] < 1


def test_seen_and_unseen_pairs_apart(score, noise, queries):
    figures = score(noise)
    unseen = ({"cow", "hen"}, {"frog", "wind"})
    for kind in OUTCOMES:
        n_unseen = sum(any(pair <= set(query.labels) for pair in unseen) for query in queries if query.kind == kind)
        assert figures[f"{kind}_R@10_unseen_n"] == n_unseen > 0
        parts = [figures[f"{kind}_R@10_{part}"] * figures[f"{kind}_R@10_{part}_n"] for part in ("seen", "unseen")]
        assert sum(parts) == pytest.approx(figures[f"{kind}_R@10"] * 2 * N_SETS)


def test_chance_is_what_random_scores_get(score, noise):
    rng = np.random.default_rng(1)
    draws = [score(rng.random(noise.shape)) for _ in range(12)]
    names = [f"{kind}_{metric}" for kind in (*OUTCOMES, "mean") for metric in METRICS] + ["order_R@10_unseen"]
    for name in names:
        found = [figures[name] for figures in draws]
        assert abs(np.mean(found) - draws[0][f"{name}_chance"]) <= 4.5 * np.std(found) / np.sqrt(len(draws))
    for name in ("order_finds_other", "negation_finds_both_heard", "duration_finds_right"):
        found = [figures.confusion[name] for figures in draws]
        assert abs(np.mean(found) - draws[0].confusion[f"{name}_chance"]) <= 4.5 * np.std(found) / np.sqrt(len(draws))


def test_intervals_are_over_sets_seeded_and_paired(score, queries, entries):
    right = (tabulate_outcomes(queries, entries) == 0).T
    scores = right * np.array([1 if query.set_number < 6 else -1 for query in queries])
    figures = score(scores)
    assert figures == score(scores)
    assert figures["order_R@1"] == 6 / 15
    spread = 1.96 * np.sqrt(0.4 * 0.6 / 15)  # queries of a set are all right or all wrong: 15 things, not 30
    assert figures["order_R@1_ci95"] == pytest.approx([0.4 - spread, 0.4 + spread], abs=0.06)
    assert figures["mean_R@1_ci95"] == figures["order_R@1_ci95"]
    assert figures.confusion["order_finds_right_ci95"] == figures["order_R@1_ci95"]
    assert not np.array_equal(figures.samples["order_R@1"], score(scores, seed=1).samples["order_R@1"])
    same = compare_models({"a": figures, "b": score(scores)})["b - a"]
    assert all(found == {"difference": 0, "ci95": [0, 0]} for found in same.values())


def test_faulty_scores_are_named(score, noise):
    with pytest.raises(ValueError, match=r"scores have shape .* expected is \(330, 150\): compositions and queries"):
        score(noise[1:])
    noise = noise.copy()
    noise[3, 4] = np.nan
    with pytest.raises(ValueError, match=r"score \(3, 4\) \(compositions and queries\) is not finite"):
        score(noise)
