"""Classify clips zero-shot: the class is the one whose prompt is closest; of several labels, clips are ranked."""

import numpy as np
from sklearn.metrics import average_precision_score

from teminal.clips import Clip
from teminal.evaluation.evaluation import Score, evaluate_clips
from teminal.evaluation.options import ClassificationOptions
from teminal.evaluation.statistics import Figures, check_scores, resample

LEGEND = "In %: accuracy on each fold and its mean, or mean average precision (mAP) over classes; ties lose."


def run_classification(options: ClassificationOptions, clips: list[Clip]) -> None:
    """Classify the clips of [`load_labelled_clips`] with every model."""
    has_several = options.source == "fsd50k"
    labels_of = {clip.name: set(clip.label.split(",")) if has_several else {clip.label} for clip in clips}
    classes = sorted(set().union(*labels_of.values()))
    if len(classes) < 2:
        raise ValueError(f"--source {options.source}: {classes[0]} is its only class, there is nothing to tell apart")

    def prepare(readable: list[Clip]) -> tuple[list[str], Score]:
        captions = [options.prompt.replace("{label}", label.replace("_", " ")) for label in classes]
        is_right = np.array([[label in labels_of[clip.name] for label in classes] for clip in readable])
        if has_several:
            return captions, lambda scores: map_figures(scores, is_right, options.seed)
        targets, folds = is_right.argmax(1), np.array([clip.fold or 0 for clip in readable])
        return captions, lambda scores: accuracy_figures(scores, targets, folds, options.seed)

    evaluate_clips("classification", options, clips, prepare, {**options.data(), "classes": classes}, LEGEND)


def accuracy_figures(scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, seed: int = 0) -> Figures:
    """Compute `accuracy`, a fraction; of several folds, that of each (`fold 1` ...) and their mean.

    Ties lose: the right class must score above every other. The bootstrap draws clips within each fold.

    Args:
        scores: (clips, classes), higher is better.
        targets: (clips,) the right class.
        folds: (clips,) integers.

    Raises:
        ValueError: shapes do not fit, a score is not finite, or there is one class only.
    """
    check_scores(scores, (len(targets), scores.shape[1]), "clips and classes")
    n, n_classes = scores.shape
    if n_classes < 2:
        raise ValueError("one class only: there is nothing to tell apart")
    own = scores[np.arange(n), targets]
    others = np.where(np.arange(n_classes) == targets[:, None], -np.inf, scores)
    is_right = own > others.max(1)
    by_fold = Figures()
    for fold in np.unique(folds):
        inside = is_right[folds == fold]
        samples = resample(len(inside), [seed, fold]) @ inside / len(inside)
        by_fold.add(f"fold {fold}", inside.mean(), samples, len(inside), 1 / n_classes)
    figures = by_fold if len(by_fold.samples) > 1 else Figures()
    values = [by_fold[name] for name in by_fold.samples]
    figures.add("accuracy", np.mean(values), np.mean(list(by_fold.samples.values()), axis=0), n, 1 / n_classes)
    return figures


def resample_average_precision(scores: np.ndarray, is_right: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Compute scikit-learn's average precision of one class, with `sample_weight`, for all bootstrap samples at once.

    Args:
        scores, is_right: (clips,).
        counts: (samples, clips) of [`resample`].

    Returns:
        (samples,); NaN if a sample has no clip of the class.
    """
    order = np.argsort(-scores)
    falling, is_right, counts = -scores[order], is_right[order], counts[:, order]
    own, thresholds = counts[:, is_right], falling[is_right]
    # clips of equal score count together: up to the last of them
    found = own.cumsum(1, dtype=np.int32)[:, np.searchsorted(thresholds, thresholds, side="right") - 1]
    retrieved = counts.cumsum(1, dtype=np.int32)[:, np.searchsorted(falling, thresholds, side="right") - 1]
    with np.errstate(invalid="ignore"):
        return (own * found / retrieved.clip(min=1)).sum(1) / own.sum(1)


def map_figures(scores: np.ndarray, is_right: np.ndarray, seed: int = 0) -> Figures:
    """Compute `mAP`, a fraction: scikit-learn's average precision of multi-label classification, mean over classes.

    Classes without clips do not count. The chance level is the mean share of clips that have a class. A clip drawn
    twice ranks beside its copy, which raises the bootstrap samples: they are shifted so that `mAP` is their mean.

    Args:
        scores: (clips, classes), higher is better.
        is_right: (clips, classes) bool.

    Raises:
        ValueError: shapes do not fit, a score is not finite, or no clip has a class.
    """
    check_scores(scores, is_right.shape, "clips and classes")
    present = is_right.any(0)
    if not present.any():
        raise ValueError("no clip has any of the classes")
    scores, is_right = scores[:, present], is_right[:, present]
    counts = resample(len(scores), seed)
    by_class = [
        resample_average_precision(column, right, counts) for column, right in zip(scores.T, is_right.T, strict=True)
    ]
    value, samples = average_precision_score(is_right, scores, average="macro"), np.nanmean(by_class, axis=0)
    figures = Figures()
    figures.add("mAP", value, samples - samples.mean() + value, len(scores), float(is_right.mean()))
    return figures
