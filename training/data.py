"""The clips of a run: which are trained on, validated on and tested on, none of one recording in two of them."""

import itertools
import logging
from dataclasses import dataclass

from dataset_scripts.bank import ClipBank, build_bank
from dataset_scripts.clips import Clip
from dataset_scripts.sources import OPTIONS, load_source, select_folds, taken_options
from dataset_scripts.splits import drop_recordings_of
from training.recipe import Recipe

logger = logging.getLogger("teminal")


@dataclass
class Clips:
    """Clips that are not decoded yet."""

    train: list[Clip]
    validation: list[Clip]
    test: list[Clip]
    same_source: bool

    def banks(self) -> tuple[ClipBank, ClipBank | None, ClipBank]:
        """Decode them.

        Raises:
            ValueError: too few are usable, or test clips have other classes than training clips.
        """
        train, test = build_bank(self.train), build_bank(self.test)
        if self.same_source and train.classes != test.classes:
            differing = ", ".join(sorted(set(train.classes) ^ set(test.classes)))
            raise ValueError(f"--train_folds and --eval_folds differ in classes: {differing}")
        return train, build_bank(self.validation) if self.validation else None, test


def find_clips(recipe: Recipe) -> Clips:
    """The clips that the recipe names.

    Raises:
        ValueError, OSError: naming the option at fault.
    """
    eval_source = recipe.eval_source or recipe.source
    _check_folds(recipe, eval_source)
    given = {name: getattr(recipe, name) for name in OPTIONS}
    if eval_source == recipe.source:
        clips = evaluated = load_source(recipe.source, **given)
    else:
        theirs = taken_options(recipe.source)
        clips = load_source(recipe.source, **{name: given[name] for name in theirs})
        evaluated = load_source(eval_source, **{name: given[name] for name in given if name not in theirs})
    if not evaluated[0].label:
        raise ValueError(
            f"--eval_source {eval_source}: ZSTE needs classes, and these clips have captions; add --eval_source esc50 "
            "--esc50_dir DIR, or --eval_source synthetic"
        )
    if clips[0].label:
        train = select_folds(clips, recipe.train_folds, "--train_folds", recipe.source)
    else:
        _check_classes_unneeded(recipe)
        in_split = [clip for clip in clips if clip.split == "train"]
        train = [clip for clip in in_split if clip.audio is not None]
        if not train:
            raise ValueError(f"--source {recipe.source}: no training clip has audio; --audio_dir says where it is")
        logger.info("%d of %d training clips have audio", len(train), len(in_split))
    test = select_folds(evaluated, recipe.eval_folds, "--eval_folds", eval_source)
    validation = select_folds(evaluated, recipe.validation_folds, "--validation_folds", eval_source)
    validation = drop_recordings_of(test, validation)
    return Clips(drop_recordings_of(test + validation, train), validation, test, eval_source == recipe.source)


def _check_classes_unneeded(recipe: Recipe) -> None:
    for stage, settings in recipe.stage.items():
        for name in ("text_warmup_steps", "event_weight"):
            if value := getattr(settings, name):
                raise ValueError(
                    f"{stage}.{name}: {value} would need classes, and clips of --source {recipe.source} have "
                    "captions; set it to 0"
                )


def _check_folds(recipe: Recipe, eval_source: str) -> None:
    folds = {"--eval_folds": recipe.eval_folds, "--validation_folds": recipe.validation_folds}
    if recipe.source == eval_source:
        folds["--train_folds"] = recipe.train_folds
    for (flag, ours), (other, theirs) in itertools.combinations(folds.items(), 2):
        if twice := set(ours) & set(theirs):
            raise ValueError(f"{flag} and {other} overlap in fold {min(twice)}")
