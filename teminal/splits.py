"""Split clips into training, validation and test: by official split or fold, or by folds made here."""

import hashlib
import itertools
import logging
from collections import Counter
from dataclasses import replace

import numpy as np

from teminal.clips import Clip

SPLITS = ("train", "validation", "test")
N_FOLDS = 5  # as in ESC-50; by default the last is the test fold
logger = logging.getLogger(__name__)


def split_clips(
    clips: list[Clip], validation_folds: list[int] | None = None, test_folds: list[int] | None = None
) -> tuple[list[Clip], dict[str, list[int]]]:
    """Split clips by official split, or by fold: by default the last for test, the one before for validation.

    If a recording has clips in two splits (as two of ESC-50 do), those in training, then in validation, are dropped.

    Returns:
        The remaining clips, and split -> their indices.

    Raises:
        ValueError: a fold does not exist, or is in two splits.
    """
    folds = sorted({clip.fold for clip in clips if clip.fold is not None})
    if folds:
        split_of_fold = _split_folds(folds, validation_folds, test_folds)
        by_split = {split: [clip for clip in clips if split_of_fold[clip.fold] == split] for split in SPLITS}
    elif validation_folds is None and test_folds is None:
        by_split = {split: [clip for clip in clips if clip.split == split] for split in SPLITS}
    else:
        raise ValueError("--validation_folds and --test_folds: these clips have official splits and no folds")

    by_split["validation"] = drop_recordings_of(by_split["test"], by_split["validation"])
    by_split["train"] = drop_recordings_of(by_split["validation"] + by_split["test"], by_split["train"])
    clips = [clip for split in SPLITS for clip in by_split[split]]
    index = {clip.name: i for i, clip in enumerate(clips)}
    return clips, {split: [index[clip.name] for clip in of] for split, of in by_split.items() if of}


def drop_recordings_of(held_out: list[Clip], clips: list[Clip]) -> list[Clip]:
    """Drop clips of the recordings in `held_out`, and log their names."""
    recordings = {clip.recording for clip in held_out}
    for clip in clips:
        if clip.recording in recordings:
            logger.warning("left out %s: its recording %s is held out", clip.name, clip.recording)
    return [clip for clip in clips if clip.recording not in recordings]


def _split_folds(folds: list[int], validation: list[int] | None, test: list[int] | None) -> dict[int | None, str]:
    test = folds[1:][-1:] if test is None else test
    rest = [fold for fold in folds if fold not in test]
    validation = rest[1:][-1:] if validation is None else validation
    for flag, chosen in (("--test_folds", test), ("--validation_folds", validation)):
        for fold in chosen:
            if fold not in folds:
                raise ValueError(
                    f"{flag}: fold {fold} does not exist in the data, which have {', '.join(map(str, folds))}"
                )
    if both := set(test) & set(validation):
        raise ValueError(f"--test_folds and --validation_folds both have fold {min(both)}")
    split_of: dict[int | None, str] = dict.fromkeys(folds, "train")
    return split_of | dict.fromkeys(validation, "validation") | dict.fromkeys(test, "test")


def make_folds(clips: list[Clip]) -> list[Clip]:
    """Assign clips to folds 1 to `N_FOLDS`, all clips of a recording to the same.

    Every class is in the last fold and at least one other; folds are about equally large. The result does not depend
    on the order of `clips`.

    Raises:
        ValueError: a class has only one recording, or shares its recordings with other classes so that none is left
            for the last fold.
    """
    in_recording: dict[str, Counter[str]] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        in_recording.setdefault(clip.recording, Counter())[clip.label] += 1
    n_clips = Counter(clip.label for clip in clips)
    n_recordings = Counter(label for counts in in_recording.values() for label in counts)
    for label in sorted(n_recordings):
        if n_recordings[label] < 2:
            what = f"class {label!r} has" if label else "there is"
            joined = f", all {n_clips[label]} clips being of it" if n_clips[label] > 1 else ""
            raise ValueError(
                f"{what} one recording only{joined}: folds for training and testing need two of each class; add some, "
                "leave the class out, or say `fold` or `split` of each clip in metadata.csv"
            )

    def rarest_first(recording: str) -> tuple[int, int, int, str]:
        counts = in_recording[recording]
        key = hashlib.sha256(recording.encode(errors="surrogateescape")).hexdigest()
        return min(n_recordings[label] for label in counts), -len(counts), -counts.total(), key

    def how_full(fold: int, labels: list[str]) -> tuple[float, int, int]:
        share = sum(in_fold[fold][label] / n_clips[label] for label in labels)
        return share, in_fold[fold].total(), fold

    folds = range(1, N_FOLDS + 1)
    in_fold: dict[int, Counter[str]] = {fold: Counter() for fold in folds}
    n_tested: Counter[str] = Counter()  # recordings of each class in the last fold
    fold_of = {}
    for recording in sorted(in_recording, key=rarest_first):
        labels = list(in_recording[recording])
        if any(n_recordings[label] - n_tested[label] < 2 for label in labels):  # must stay in training
            fold = min(folds[:-1], key=lambda fold: how_full(fold, labels))
        elif not all(n_tested[label] for label in labels):
            fold = N_FOLDS
        else:
            fold = min(folds, key=lambda fold: how_full(fold, labels))
        fold_of[recording] = fold
        in_fold[fold].update(in_recording[recording])
        if fold == N_FOLDS:
            n_tested.update(labels)
    if untested := [label for label in sorted(n_recordings) if not n_tested[label]]:
        raise ValueError(
            f"class {untested[0]!r} shares its recordings with other classes so that none is left to test on; add "
            "some of it alone, or say `fold` or `split` of each clip in metadata.csv"
        )
    return [replace(clip, fold=fold_of[clip.recording]) for clip in clips]


def split_pairs(labels: list[str], unseen_share: float = 0.2, seed: int = 0) -> tuple[list, list]:
    """Split the sorted pairs of `labels` into (seen, unseen); unseen pairs never occur in training scenes.

    The split depends only on the set of labels and the seed.
    """
    pairs = list(itertools.combinations(sorted(set(labels)), 2))
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    n_unseen = round(unseen_share * len(pairs))
    return [pairs[i] for i in sorted(order[n_unseen:])], [pairs[i] for i in sorted(order[:n_unseen])]
