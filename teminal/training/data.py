"""The clips of a run: which are trained on, validated on and tested on, none of one recording in two of them."""

import itertools
import logging
from dataclasses import dataclass, fields

import numpy as np

from teminal.clips import Clip, ClipBank, build_bank
from teminal.licenses import check_publishable
from teminal.sources import select_folds, source_credits
from teminal.splits import drop_recordings_of
from teminal.training.config import TrainingConfig
from teminal.training.sources import load_sources

logger = logging.getLogger("teminal")


@dataclass
class Clips:
    """Clips that are not decoded yet; `kept` are all of `--keep_source`."""

    train: list[Clip]
    validation: list[Clip]
    test: list[Clip]
    same_source: bool
    kept: list[Clip]

    def banks(self, recipe: TrainingConfig) -> tuple[ClipBank, ClipBank | None, ClipBank, ClipBank | None]:
        """Decode them: for training, validation, test, and to see what is kept.

        Raises:
            ValueError: too few are usable, or test clips have other classes than training clips.
        """
        train, test = build_bank(self.train), build_bank(self.test)
        if self.same_source and train.classes != test.classes:
            differing = ", ".join(sorted(set(train.classes) ^ set(test.classes)))
            raise ValueError(
                f"training and test clips (--train_folds and --eval_folds) differ in classes: {differing}"
            )

        def asked(bank: ClipBank) -> set[int]:
            return asked_clips(bank, recipe.n_scenes, recipe.seed)

        validation = build_bank(self.validation) if self.validation else None
        kept = build_bank(self.kept, asked) if self.kept else None
        return train, validation, test, kept


def find_clips(recipe: TrainingConfig) -> Clips:
    """The clips that the recipe names.

    Raises:
        ValueError, OSError: naming the option at fault.
    """
    eval_source = recipe.eval_source or recipe.source
    _check_folds(recipe, eval_source)
    loaded = load_sources(recipe)
    clips, evaluated = loaded[recipe.source], loaded[eval_source]
    if not evaluated[0].label:
        raise ValueError(
            f"--eval_source {eval_source}: ZSTE needs classes, and these clips have captions; add --eval_source esc50 "
            "--esc50_dir DIR, or --eval_source synthetic"
        )
    if not clips[0].label:
        _check_classes_unneeded(recipe)
    train = _held(clips, "train", recipe.train_folds, "train_folds", recipe.source)
    if not clips[0].label:
        n_all, train = len(train), [clip for clip in train if clip.audio is not None]
        if not train:
            raise ValueError(f"--source {recipe.source}: no training clip has audio; --audio_dir says where it is")
        logger.info("%d of %d training clips have audio", len(train), n_all)
    test = _held(evaluated, "test", recipe.eval_folds, "eval_folds", eval_source)
    validation = _validation(recipe, evaluated, test, eval_source)
    train = drop_recordings_of(test + validation, train)
    if recipe.push_to_hub:
        license = source_credits(recipe.source, train)["license"]
        check_publishable(license, recipe.hub_private_repo, "--hub_private_repo")
    return Clips(train, validation, test, eval_source == recipe.source, loaded.get(recipe.keep_source, []))


def asked_clips(bank: ClipBank, n_clips: int, seed: int) -> set[int]:
    """Indices of the clips of `--keep_source` that are classified: all, or `n_clips` that are drawn."""
    return set(np.random.default_rng([seed, 19]).permutation(len(bank.clips))[:n_clips].tolist())


def _held(clips: list[Clip], split: str, folds: list[int], name: str, source: str) -> list[Clip]:
    """The clips of `folds`, the recipe's `name`, or where there are none those of a split."""
    if clips[0].fold is not None:
        return select_folds(clips, folds, f"--{name}", source)
    default = next(item.default_factory() for item in fields(TrainingConfig) if item.name == name)
    if folds != default:
        raise ValueError(f"--{name}: clips of {source} have splits and no folds; leave it out")
    present = {clip.split for clip in clips}
    if split == "test" and split not in present:
        split = "validation"
    if split not in present:
        raise ValueError(
            f"--source {source}: there are no clips of split {split}, only of {', '.join(sorted(present))}"
        )
    return [clip for clip in clips if clip.split == split]


def _validation(recipe: TrainingConfig, evaluated: list[Clip], test: list[Clip], eval_source: str) -> list[Clip]:
    """Clips of `--validation_folds`, or where there are splits and it is needed, of the one for validation."""
    is_needed = recipe.eval_steps or len(recipe.wise_ft) > 1
    if not recipe.validation_folds and not is_needed:
        return []
    if not recipe.validation_folds and evaluated[0].fold is not None:
        raise ValueError("--eval_steps, and --wise_ft with several shares, need --validation_folds")
    clips = _held(evaluated, "validation", recipe.validation_folds, "validation_folds", eval_source)
    if left := drop_recordings_of(test, clips):
        return left
    raise ValueError(f"--eval_source {eval_source}: all clips to validate on are of recordings that are tested on")


def _check_classes_unneeded(recipe: TrainingConfig) -> None:
    for stage in recipe.stages:
        settings = recipe.stage(stage)
        for name in ("text_warmup_steps", "event_weight"):
            if value := getattr(settings, name):
                raise ValueError(
                    f"{stage}.{name}: {value} would need classes, and clips of --source {recipe.source} have "
                    "captions; set it to 0"
                )


def _check_folds(recipe: TrainingConfig, eval_source: str) -> None:
    folds = {"--eval_folds": recipe.eval_folds, "--validation_folds": recipe.validation_folds}
    if recipe.source == eval_source:
        folds["--train_folds"] = recipe.train_folds
    for (flag, ours), (other, theirs) in itertools.combinations(folds.items(), 2):
        if twice := set(ours) & set(theirs):
            raise ValueError(f"{flag} and {other} overlap in fold {min(twice)}")
