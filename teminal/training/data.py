"""Select the clips to train, validate and test on, without sharing a recording."""

import itertools
import logging
from dataclasses import dataclass

import numpy as np

from teminal.captions import PARAPHRASE_SHARE
from teminal.clips import Clip, ClipBank, build_bank
from teminal.licenses import check_publishable
from teminal.sources import load_clips, require_labels, select_folds, source_credits, taken_options
from teminal.splits import drop_recordings_of
from teminal.training.config import RunConfig, TrainingConfig

logger = logging.getLogger("teminal")


@dataclass
class Clips:
    """Clips before decoding; `kept` are all clips of `--keep_source`."""

    train: list[Clip]
    validation: list[Clip]
    test: list[Clip]
    kept: list[Clip]

    def decode(self, config: TrainingConfig) -> tuple[ClipBank, ClipBank | None, ClipBank, ClipBank | None]:
        """Decode the clips for training, validation, test, and `--keep_source`.

        Raises:
            ValueError: too few are usable, or training and test clips differ in classes.
        """
        train, test = build_bank(self.train), build_bank(self.test)
        if config.eval_source in (None, config.source) and train.classes != test.classes:
            differing = ", ".join(sorted(set(train.classes) ^ set(test.classes)))
            raise ValueError(f"training and test clips (--train_folds, --eval_folds) differ in classes: {differing}")
        validation = build_bank(self.validation) if self.validation else None
        kept = None
        if self.kept:
            kept = build_bank(self.kept, lambda bank: draw_kept_clips(bank, config.n_scenes, config.seed))
        return train, validation, test, kept


def draw_kept_clips(bank: ClipBank, n_clips: int, seed: int) -> set[int]:
    """Draw the indices of at most `n_clips` clips of `--keep_source` to classify."""
    return set(np.random.default_rng([seed, 19]).permutation(len(bank.clips))[:n_clips].tolist())


def find_clips(config: TrainingConfig) -> Clips:
    """Load and split the clips that a configuration names.

    Raises:
        ValueError, OSError: naming the option at fault.
    """
    source, eval_source = config.source, config.eval_source or config.source
    _check_folds(config)
    loaded = _load_sources(config)
    if not loaded[eval_source][0].label:
        raise ValueError(
            f"--eval_source {eval_source}: ZSTE needs classes, and these clips have captions; add --eval_source esc50 "
            "--esc50_dir DIR, or --eval_source synthetic"
        )
    train = _select_clips(loaded[source], "train", config.train_folds, "train_folds", source)
    if not train[0].label:
        train = _select_captioned(config, train)
    test = _select_clips(loaded[eval_source], "test", config.eval_folds, "eval_folds", eval_source)
    validation = _select_validation(config, loaded[eval_source], test)
    train = drop_recordings_of(test + validation, train)
    if config.push_to_hub:
        check_publishable(source_credits(source, train)["license"], config.hub_private_repo, "--hub_private_repo")
    return Clips(train, validation, test, loaded[config.keep_source] if config.keep_source else [])


def _check_folds(config: TrainingConfig) -> None:
    folds = {"--eval_folds": config.eval_folds, "--validation_folds": config.validation_folds}
    if config.eval_source in (None, config.source):
        folds["--train_folds"] = config.train_folds
    for (flag, ours), (other, theirs) in itertools.combinations(folds.items(), 2):
        if shared := set(ours) & set(theirs):
            raise ValueError(f"{flag} and {other} overlap in fold {min(shared)}")


def _load_sources(config: TrainingConfig) -> dict[str, list[Clip]]:
    """Load all clips of each source; an option applies to the first source that takes it."""
    if config.keep_source == config.source:
        raise ValueError(f"--keep_source {config.source}: that is trained on; name what the model knew before")
    flags = {config.source: "--source"}
    for name in ("eval_source", "keep_source"):
        if source := getattr(config, name):
            flags.setdefault(source, f"--{name}")
    takers: dict[str, str] = {}
    for source, flag in flags.items():
        for option in taken_options(source, flag):
            takers.setdefault(option, source)
    given, loaded = config.given(), {}
    for source, flag in flags.items():
        own = {option: value for option, value in given.items() if takers.get(option, config.source) == source}
        wanted = [option for option in taken_options(source) if option in given]
        if wanted and not own:
            taker = takers[wanted[0]]
            raise ValueError(
                f"{flag} {source} would take --{wanted[0]}, which {flags[taker]} {taker} takes: name another"
            )
        loaded[source] = load_clips(source, flag=flag, **own)
    if config.keep_source:
        require_labels(loaded[config.keep_source], f"--keep_source {config.keep_source}")
    return loaded


def _select_clips(clips: list[Clip], split: str, folds: list[int], option: str, source: str) -> list[Clip]:
    """Select the clips of `folds`, the value of `--option`; from a source without folds, those of a split."""
    if clips[0].fold is not None:
        return select_folds(clips, folds, f"--{option}", source)
    if folds != getattr(RunConfig(), option):
        raise ValueError(f"--{option}: clips of {source} have splits and no folds; leave it out")
    splits = {clip.split or "" for clip in clips}
    if split == "test" and split not in splits:
        split = "validation"
    if split not in splits:
        raise ValueError(
            f"--source {source}: there are no clips of split {split}, only of {', '.join(sorted(splits))}"
        )
    return [clip for clip in clips if clip.split == split]


def _select_validation(config: TrainingConfig, clips: list[Clip], test: list[Clip]) -> list[Clip]:
    """Select the clips of `--validation_folds`, or of the validation split if the run validates."""
    if not config.validation_folds:
        if not config.eval_steps and len(config.wise_ft) < 2:
            return []
        if clips[0].fold is not None:
            raise ValueError("--eval_steps, and --wise_ft with several shares, need --validation_folds")
    source = config.eval_source or config.source
    chosen = _select_clips(clips, "validation", config.validation_folds, "validation_folds", source)
    if left := drop_recordings_of(test, chosen):
        return left
    raise ValueError(f"--eval_source {source}: all clips to validate on are of recordings that are tested on")


def _select_captioned(config: TrainingConfig, clips: list[Clip]) -> list[Clip]:
    """Select the captioned clips that have audio, after checking that no option needs classes."""
    for stage in config.stages:
        for option in ("text_warmup_steps", "event_weight", "naming_weight"):
            if value := getattr(config.stage(stage), option):
                raise ValueError(
                    f"--{stage}.{option} {value}: needs classes, and clips of --source {config.source} have captions; "
                    "set it to 0"
                )
    if config.paraphrase_share != PARAPHRASE_SHARE:
        raise ValueError(
            f"--paraphrase_share {config.paraphrase_share}: is of captions of classes, and clips of --source "
            f"{config.source} have their own; leave it out"
        )
    with_audio = [clip for clip in clips if clip.audio is not None]
    if not with_audio:
        raise ValueError(f"--source {config.source}: no training clip has audio; --audio_dir says where it is")
    logger.info("%d of %d training clips have audio", len(with_audio), len(clips))
    return with_audio
