"""Which clips are for training, validation and test."""

import logging

from teminal.clips import Clip
from teminal.groups import SPLITS

logger = logging.getLogger(__name__)


def split_clips(
    clips: list[Clip], validation_folds: list[int] | None = None, test_folds: list[int] | None = None
) -> tuple[list[Clip], dict[str, list[int]]]:
    """(clips, split -> their indices): by official split, or by fold, of which the last is for test, the one before
    for validation.

    Of a recording that is in two splits, such as two of ESC-50, training and then validation lose its clips.

    Raises:
        ValueError: folds that do not exist or overlap.
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
    """`clips` but those that come from a recording of `held_out`; they are named."""
    recordings = {clip.recording for clip in held_out}
    for clip in clips:
        if clip.recording in recordings:
            logger.warning("left out %s: its recording %s is held out", clip.name, clip.recording)
    return [clip for clip in clips if clip.recording not in recordings]


def _split_folds(folds: list[int], validation: list[int] | None, test: list[int] | None) -> dict[int, str]:
    test = folds[1:][-1:] if test is None else test
    rest = [fold for fold in folds if fold not in test]
    validation = rest[1:][-1:] if validation is None else validation
    for flag, chosen in (("--test_folds", test), ("--validation_folds", validation)):
        for fold in chosen:
            if fold not in folds:
                raise ValueError(f"{flag}: fold {fold} does not exist in the data: it has {folds}")
    for fold in test:
        if fold in validation:
            raise ValueError(f"--test_folds and --validation_folds both have fold {fold}")
    return dict.fromkeys(folds, "train") | dict.fromkeys(validation, "validation") | dict.fromkeys(test, "test")
