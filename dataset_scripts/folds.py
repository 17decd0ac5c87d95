"""Folds for clips that come without: the same on every machine, recordings whole, classes in all of them."""

import hashlib
from collections import Counter
from dataclasses import replace

from dataset_scripts.clips import Clip

N_FOLDS = 5  # as many as ESC-50 has; the last is the one that is tested on by default


def make_folds(clips: list[Clip]) -> list[Clip]:
    """The clips with `fold` 1 to `N_FOLDS`, all clips of a recording in the same.

    Every class is in the last fold and in another one, and in as many more as it has recordings; folds are about
    equally large. Names, classes and recordings decide, in whatever order they come.

    Raises:
        ValueError: a class has one recording only, which cannot be trained and tested on.
    """
    in_recording: dict[str, Counter] = {}
    for clip in sorted(clips, key=lambda clip: clip.name):
        in_recording.setdefault(clip.recording, Counter())[clip.label] += 1
    n_clips = Counter(clip.label for clip in clips)
    n_recordings = Counter(label for counts in in_recording.values() for label in counts)
    _check_recordings(n_clips, n_recordings)

    def rarest_first(recording: str) -> tuple[int, int, str]:
        counts = in_recording[recording]
        key = hashlib.sha256(recording.encode(errors="surrogateescape")).hexdigest()
        return min(n_recordings[label] for label in counts), -counts.total(), key

    in_fold = {fold: Counter() for fold in range(1, N_FOLDS + 1)}
    fold_of = {}
    for recording in sorted(in_recording, key=rarest_first):
        counts = in_recording[recording]
        is_tested = any(in_fold[N_FOLDS][label] for label in counts)

        def how_full(fold: int, counts=counts, is_tested=is_tested) -> tuple[float, bool, int, int]:
            share = sum(in_fold[fold][label] / n_clips[label] for label in counts)
            return share, not is_tested and fold != N_FOLDS, in_fold[fold].total(), fold

        fold_of[recording] = min(in_fold, key=how_full)
        in_fold[fold_of[recording]].update(counts)
    return [replace(clip, fold=fold_of[clip.recording]) for clip in clips]


def _check_recordings(n_clips: Counter, n_recordings: Counter) -> None:
    for label in sorted(n_recordings):
        if n_recordings[label] < 2:
            what = f"class {label!r} has" if label else "there is"
            joined = f", all {n_clips[label]} clips being of it" if n_clips[label] > 1 else ""
            raise ValueError(
                f"{what} one recording only{joined}: folds for training and testing need two of each class; add some, "
                "leave the class out, or say `fold` or `split` of each clip in metadata.csv"
            )
