"""Zero-shot classification: the class whose prompt is closest to the clip, or the ranking of clips by each class."""

import numpy as np
from sklearn.metrics import average_precision_score

from teminal.evaluation.statistics import check_scores, figure, resample


def accuracy_figures(
    scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, seed: int = 0, keep: dict | None = None
) -> dict:
    """`accuracy`, and where there are several folds that of each, `fold 1` and so on, of which it is then the mean;
    fractions, see [`figure`].

    Ties lose: the right class must score above every other. The bootstrap draws clips within each fold.

    Args:
        scores: (clips, classes), higher is better.
        targets: (clips,) the right class.
        folds: (clips,) integers.
        keep: see [`figure`].

    Raises:
        ValueError: shapes do not fit, a score is not finite, or there is one class only.
    """
    scores, targets, folds = np.asarray(scores), np.asarray(targets), np.asarray(folds)
    check_scores(scores, (len(targets), scores.shape[1]), "clips and classes")
    n, n_classes = scores.shape
    if n_classes < 2:
        raise ValueError("one class only: there is nothing to tell apart")
    own = scores[np.arange(n), targets]
    others = np.where(np.arange(n_classes) == targets[:, None], -np.inf, scores)
    is_right = own > others.max(1)
    values, samples, figures = [], [], {}
    for fold in np.unique(folds):
        inside = is_right[folds == fold]
        values.append(inside.mean())
        samples.append(resample(len(inside), [seed, fold]) @ inside / len(inside))
        figures |= figure(f"fold {fold}", values[-1], samples[-1], len(inside), 1 / n_classes, keep)
    mean = figure("accuracy", np.mean(values), np.mean(samples, axis=0), n, 1 / n_classes, keep)
    return figures | mean if len(values) > 1 else mean


def resampled_average_precision(scores: np.ndarray, is_right: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Average precision of one class in each bootstrap sample: scikit-learn's with `sample_weight`, of all at once.

    Args:
        scores, is_right: (clips,).
        counts: (samples, clips) of [`resample`].

    Returns:
        (samples,); NaN where none of the class is in the sample.
    """
    order = np.argsort(-scores)
    falling, is_right, counts = -scores[order], is_right[order], counts[:, order]
    own, thresholds = counts[:, is_right], falling[is_right]
    # clips of the same score come together: up to the last of them
    found = own.cumsum(1, dtype=np.int32)[:, np.searchsorted(thresholds, thresholds, side="right") - 1]
    retrieved = counts.cumsum(1, dtype=np.int32)[:, np.searchsorted(falling, thresholds, side="right") - 1]
    with np.errstate(invalid="ignore"):
        return (own * found / retrieved.clip(min=1)).sum(1) / own.sum(1)


def map_figures(scores: np.ndarray, is_right: np.ndarray, seed: int = 0, keep: dict | None = None) -> dict:
    """`mAP` of multi-label classification: scikit-learn's average precision, mean over classes; see [`figure`].

    Classes that no clip has do not count. The chance level is the mean share of clips that have a class. A clip drawn
    twice ranks beside its own copy, which lifts the bootstrap samples: they are shifted to have the value as mean.

    Args:
        scores: (clips, classes), higher is better.
        is_right: (clips, classes) bool.
        keep: see [`figure`].

    Raises:
        ValueError: shapes do not fit, a score is not finite, or no clip has a class.
    """
    scores, is_right = np.asarray(scores), np.asarray(is_right)
    check_scores(scores, is_right.shape, "clips and classes")
    present = is_right.any(0)
    if not present.any():
        raise ValueError("no clip has any of the classes")
    scores, is_right = scores[:, present], is_right[:, present]
    counts = resample(len(scores), seed)
    by_class = [resampled_average_precision(*columns, counts) for columns in zip(scores.T, is_right.T, strict=True)]
    value, samples = average_precision_score(is_right, scores, average="macro"), np.nanmean(by_class, axis=0)
    return figure("mAP", value, samples - samples.mean() + value, len(scores), float(is_right.mean()), keep)
