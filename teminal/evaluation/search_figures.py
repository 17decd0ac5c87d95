"""Turn scores of composed search into figures by kind of query, and count what is found first."""

import numpy as np

from teminal.evaluation.retrieval import average_precision_at_10, chance_levels, ndcg_at_10, right_ranks
from teminal.evaluation.search_queries import OUTCOMES, Query
from teminal.evaluation.statistics import Figures, check_scores, resample

METRICS = ("R@1", "R@10", "mAP@10", "nDCG@10")
TEMPORAL = ("order", "overlap", "order_of_three")
MEANS = {"temporal": TEMPORAL, "mean": tuple(OUTCOMES)}


def search_figures(
    scores: np.ndarray, queries: list[Query], outcomes: np.ndarray, is_unseen: np.ndarray, seed: int = 0
) -> Figures:
    """Compute `METRICS` of each kind of query, such as `order_R@1`, and their means `MEANS`.

    `order_R@10_seen` and `order_R@10_unseen` are of the pairs of classes that meet in training, and of the others.
    The bootstrap draws sets, each with all its queries; the searched compositions stay the same.

    Args:
        scores: (compositions, queries), higher is better.
        outcomes: (queries, compositions) of [`tabulate_outcomes`].
        is_unseen: (queries,) bool of [`find_unseen`].
        seed: of the bootstrap.

    Raises:
        ValueError: the shapes do not fit, or a score is not finite.
    """
    check_scores(scores, outcomes.shape[::-1], "compositions and queries")
    ranks = right_ranks(scores.T, outcomes == 0)
    values = {
        "R@1": ranks[:, 0] <= 1,
        "R@10": ranks[:, 0] <= 10,
        "mAP@10": average_precision_at_10(ranks),
        "nDCG@10": ndcg_at_10(ranks),
    }
    n_right = (outcomes == 0).sum(1)
    kinds, sets = np.array([query.kind for query in queries]), np.array([query.set_number for query in queries])
    figures = Figures()

    def add(name: str, metric: str, which: np.ndarray) -> None:
        chance = chance_levels(n_right[which], outcomes.shape[1])[metric]
        samples = sample_means(values[metric][which], sets[which], seed)
        figures.add(name, values[metric][which].mean(), samples, int(which.sum()), chance)

    for kind in OUTCOMES:
        for metric in METRICS:
            add(f"{kind}_{metric}", metric, kinds == kind)
        for name, of_pairs in (("seen", ~is_unseen), ("unseen", is_unseen)):
            if (of_pairs & (kinds == kind)).any():
                add(f"{kind}_R@10_{name}", "R@10", of_pairs & (kinds == kind))
    for name, parts in MEANS.items():
        for metric in METRICS:
            _add_mean(figures, f"{name}_{metric}", [f"{kind}_{metric}" for kind in parts])
    figures.confusion = confusion_figures(scores, kinds, sets, outcomes, seed)
    return figures


def _add_mean(figures: Figures, name: str, parts: list[str]) -> None:
    samples = np.mean([figures.samples[part] for part in parts], axis=0)
    n, chance = sum(figures[f"{part}_n"] for part in parts), np.mean([figures[f"{part}_chance"] for part in parts])
    figures.add(name, np.mean([figures[part] for part in parts]), samples, n, chance)


def sample_means(values: np.ndarray, sets: np.ndarray, seed: int) -> np.ndarray:
    """Compute the mean of `values` (queries,) in each bootstrap sample of their `sets` (queries,)."""
    distinct, set_of = np.unique(sets, return_inverse=True)
    weights = resample(len(distinct), seed)[:, set_of]
    return weights @ values / weights.sum(1)


def confusion_figures(
    scores: np.ndarray, kinds: np.ndarray, sets: np.ndarray, outcomes: np.ndarray, seed: int
) -> Figures:
    """Compute how often the composition found first is right, and how often it misses in which way.

    Args:
        kinds, sets: (queries,) of each query.

    Returns:
        `order_finds_right`, `order_finds_other_order`, ...: shares of the queries of a kind. Chance is the share of
        such compositions. Of compositions with the same score, the one that comes first in `OUTCOMES` and is not right
        is found first.
    """
    found = np.array([_find_first(score, row) for score, row in zip(scores.T, outcomes, strict=True)])
    confusion = Figures()
    for kind, names in OUTCOMES.items():
        which = kinds == kind
        for index, name in enumerate(names):
            is_found, chance = found[which] == index, (outcomes[which] == index).mean()
            samples = sample_means(is_found, sets[which], seed)
            confusion.add(f"{kind}_finds_{name}", is_found.mean(), samples, int(which.sum()), chance)
    return confusion


def _find_first(score: np.ndarray, outcomes: np.ndarray) -> int:
    """Return the outcome of the composition with the best score; if some are tied, the first that is not right."""
    of_best = outcomes[score == score.max()]
    wrong = of_best[of_best > 0]
    return int(wrong.min()) if len(wrong) else 0
