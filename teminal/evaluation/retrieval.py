"""Retrieve captions by audio and audio by captions.

Conventions, those of the DCASE challenge's language-based audio retrieval task (dcase.community, 2022 and after) and
of LAION-CLAP (Wu et al., arXiv 2211.06687, `evaluate_clotho_audiocaps`):

- text -> audio: each caption is a query with one right clip. R@k: the share of queries whose right clip is among the
  first k; mAP@10: the mean of 1 / rank, 0 beyond rank 10.
- audio -> text: each clip is a query with all its captions right (five in Clotho and AudioCaps' test split). R@k and
  median rank are those of the best-ranked one; AP@10 is the sum of i / rank over the i-th best-ranked right captions
  among the first ten, divided by how many there could be.

Three differences: LAION-CLAP does not sort a clip's right captions by rank before it computes AP@10, and rounds its
median rank down; and here ties lose: a right item ranks behind wrong ones of the same score. The same words as the
caption of another clip are wrong.
"""

import numpy as np
from scipy.stats import hypergeom

from teminal.clips import Clip
from teminal.evaluation.evaluation import Score, evaluate_clips
from teminal.evaluation.options import RetrievalOptions
from teminal.evaluation.statistics import Figures, check_scores, resample

LEGEND = "In %, ranks as they are: R@k is the share of queries with a right item among the first k; ties lose."
CUTOFFS = (1, 5, 10)
BEST_DCG = np.concatenate([[0], np.cumsum(1 / np.log2(1 + np.arange(1, 11)))])  # with 0 to 10 right items in front


def run_retrieval(options: RetrievalOptions, clips: list[Clip]) -> None:
    """Evaluate retrieval on the clips of [`load_captioned_clips`] with every model."""

    def prepare(readable: list[Clip]) -> tuple[list[str], Score]:
        if len(readable) < 2:
            raise ValueError(f"only {readable[0].name} can be read: retrieval needs two clips at least")
        clip_of = np.repeat(np.arange(len(readable)), [len(clip.captions) for clip in readable])
        captions = [caption for clip in readable for caption in clip.captions]
        return captions, lambda scores: retrieval_figures(scores, clip_of, options.seed)

    evaluate_clips("retrieval", options, clips, prepare, options.data(), LEGEND)


def right_ranks(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Rank each query's right items, from 1.

    Args:
        scores: (queries, items), higher is better.
        right: (queries, items) bool, at least one True in each row.

    Returns:
        (queries, most right items of a query), ascending, padded with inf.
    """
    ranks = np.full((len(scores), right.sum(1).max()), np.inf)
    for row, (score, is_right) in enumerate(zip(scores, right, strict=True)):
        own, wrong = np.sort(score[is_right])[::-1], np.sort(score[~is_right])
        not_behind = len(wrong) - np.searchsorted(wrong, own, side="left")
        ranks[row, : len(own)] = not_behind + np.arange(1, len(own) + 1)
    return ranks


def average_precision_at_10(ranks: np.ndarray) -> np.ndarray:
    """Compute AP@10 of each query, (queries,) in [0, 1], from [`right_ranks`]."""
    precision = np.arange(1, ranks.shape[1] + 1) / ranks
    return np.where(ranks <= 10, precision, 0).sum(1) / np.isfinite(ranks).sum(1).clip(max=10)


def ndcg_at_10(ranks: np.ndarray) -> np.ndarray:
    """Compute nDCG@10 of each query, (queries,) in [0, 1], from [`right_ranks`]; all right items are equally right.

    Järvelin and Kekäläinen (TOIS 2002), with 1 / log2(1 + rank) as the discount.
    """
    gains = np.where(ranks <= 10, 1 / np.log2(1 + ranks), 0).sum(1)
    return gains / BEST_DCG[np.isfinite(ranks).sum(1).clip(max=10)]


def chance_levels(n_right: np.ndarray, n_items: int) -> dict[str, float]:
    """Compute the figures of random scores without ties, for queries with `n_right` (queries,) of `n_items` right."""
    levels = {f"R@{k}": hypergeom.sf(0, n_items, n_right, min(k, n_items)).mean() for k in CUTOFFS}
    rank = np.arange(1, min(10, n_items) + 1)[:, None]
    both_right = n_right / n_items * (n_right - 1) / (n_items - 1)
    precision = (n_right / n_items + (rank - 1) * both_right) / rank  # expected at a rank; 0 if the item is wrong
    levels["mAP@10"] = (precision.sum(0) / n_right.clip(max=10)).mean()
    levels["nDCG@10"] = (n_right / n_items * BEST_DCG[min(10, n_items)] / BEST_DCG[n_right.clip(max=10)]).mean()
    return levels


def retrieval_figures(scores: np.ndarray, clip_of: np.ndarray, seed: int = 0) -> Figures:
    """Compute the figures of both directions, from `text_to_audio_R@1` to `audio_to_text_median_rank`.

    Args:
        scores: (clips, captions), higher is better.
        clip_of: (captions,) the clip of each caption, 0 to clips - 1; every clip has at least one.
        seed: of the bootstrap.

    Raises:
        ValueError: shapes do not fit, a score is not finite, a clip has no caption, or there is one clip only.
    """
    n_clips = len(scores)
    check_scores(scores, (n_clips, len(clip_of)), "clips and captions")
    if n_clips < 2:
        raise ValueError("one clip only: there is nothing to search")
    right = np.arange(n_clips)[:, None] == clip_of
    if not right.any(1).all() or not right.any(0).all():
        raise ValueError(f"clip_of must name each of the {n_clips} clips, and no other, for some caption")
    figures = Figures()
    _add_direction(figures, "text_to_audio", right_ranks(scores.T, right.T), clip_of, n_clips, seed)
    _add_direction(figures, "audio_to_text", right_ranks(scores, right), np.arange(n_clips), len(clip_of), seed)
    return figures


def _add_direction(
    figures: Figures, name: str, ranks: np.ndarray, clip_of: np.ndarray, n_items: int, seed: int
) -> None:
    """Add R@1, R@5, R@10, mAP@10 (fractions) and median rank of one direction.

    The bootstrap draws clips, each with all its queries; the searched items stay the same.

    Args:
        ranks: (queries, right items) of [`right_ranks`].
        clip_of: (queries,) the clip of each query.
        n_items: number of searched items.
    """
    best, n = ranks[:, 0], len(ranks)
    weights = resample(clip_of.max() + 1, seed)[:, clip_of]
    values = {f"R@{k}": (best <= k).astype(np.float64) for k in CUTOFFS}
    values["mAP@10"] = average_precision_at_10(ranks)
    chance = chance_levels(np.isfinite(ranks).sum(1), n_items)
    for metric, value in values.items():
        figures.add(f"{name}_{metric}", value.mean(), weights @ value / weights.sum(1), n, chance[metric])
    medians = np.array([np.median(np.repeat(best, weight)) for weight in weights])
    figures.add(f"{name}_median_rank", float(np.median(best)), medians, n)
