"""Decide which clips may meet in a scene, draw them, labelled or captioned, and write captions of them."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from teminal.captions import PARAPHRASE_SHARE, say, say_for_training
from teminal.clips import Clip
from teminal.language import content, keys_of_meanings, meaning
from teminal.natural_captions import as_clause, can_be_joined, say_naturally
from teminal.scenes import Caption
from teminal.splits import split_pairs


@dataclass(frozen=True)
class Events:
    """Events of one scene; `labels` are classes or captions of `clips`, `seen_pair` is `None` without classes."""

    clips: tuple[int, ...]
    labels: tuple[str, ...]
    fold: int | None = None
    seen_pair: bool | None = None


class LabelledPool:
    """Clips with classes. All events of a scene come from one fold, so that dataset rows can be split by fold.

    In the split "train" held-out pairs of `all_classes` never occur together, and `paraphrase_share` of the captions
    have another than the default wording.
    """

    def __init__(
        self, clips: list[Clip], indices: Iterable[int], all_classes: list[str], split: str, paraphrase_share: float
    ):
        self.split, self.paraphrase_share = split, paraphrase_share
        self.seen = set(split_pairs(all_classes)[0])
        self.keys = [clip.label for clip in clips]
        self.by_fold: dict = {}  # fold -> class -> clips
        for index in indices:
            clip = clips[index]
            self.by_fold.setdefault(clip.fold, {}).setdefault(clip.label, []).append(index)
        self.pairs = {}
        for fold, by_class in self.by_fold.items():
            if pairs := [pair for pair in itertools.combinations(sorted(by_class), 2) if self.may_meet(*pair)]:
                self.pairs[fold] = pairs
        self.folds = sorted(self.pairs)
        if not self.folds:
            raise ValueError("no fold has clips of two classes that may meet")

    def is_seen(self, x: str, y: str) -> bool:
        """Tell whether two classes occur together in training."""
        return (min(x, y), max(x, y)) in self.seen

    def may_meet(self, x: str, y: str) -> bool:
        """Tell whether two classes may occur in one scene."""
        return self.split != "train" or self.is_seen(x, y)

    def draw(self, rng: np.random.Generator, n_events: int) -> Events:
        """Draw events of so many classes, or of fewer, at least two, if no others may occur with all of them."""
        fold = self.folds[rng.integers(len(self.folds))]
        labels = list(self.pairs[fold][rng.integers(len(self.pairs[fold]))])
        by_class = self.by_fold[fold]
        while len(labels) < n_events and (others := self._may_join(fold, labels)):
            labels.append(str(rng.choice(others)))
        labels = [labels[i] for i in rng.permutation(len(labels))]
        clips = tuple(int(rng.choice(by_class[label])) for label in labels)
        seen_pair = all(self.is_seen(*pair) for pair in itertools.combinations(labels, 2))
        return Events(clips, tuple(labels), fold, seen_pair)

    def draw_background(self, rng: np.random.Generator, events: Events) -> int | None:
        """Draw a clip of another class that may occur with all events; `None` if there is none."""
        others = self._may_join(events.fold, list(events.labels))
        return int(rng.choice(self.by_fold[events.fold][str(rng.choice(others))])) if others else None

    def _may_join(self, fold: int | None, labels: list[str]) -> list[str]:
        """List the other classes of a fold that may occur with all `labels`."""
        others = [label for label in sorted(self.by_fold[fold]) if label not in labels]
        return [label for label in others if all(self.may_meet(label, drawn) for drawn in labels)]

    def say(self, rng: np.random.Generator, relation: str, labels: tuple[str, ...]) -> str:
        """Write a caption about classes."""
        caption = Caption(relation, labels)
        return say_for_training(caption, rng, self.paraphrase_share) if self.split == "train" else say(caption)


class CaptionedPool:
    """Clips with captions. Events of one scene share no content word, so that their order is unambiguous.

    `keys[i]` is equal for clips that share a caption; `key_of` maps a meaning to its key, see [`keys_of_meanings`].
    In the split "train" wordings vary.
    """

    def __init__(self, clips: list[Clip], indices: Iterable[int], split: str):
        self.split, self.clips = split, clips
        self.key_of = keys_of_meanings(clips)
        self.keys = [self.key_of[meaning(clip.captions[0])] for clip in clips]
        self.usable = []  # clips, each with its captions and their content words
        for index in indices:
            if captions := [caption for caption in clips[index].captions if can_be_joined(caption)]:
                self.usable.append((index, [(caption, content(as_clause(caption))) for caption in captions]))
        if len(self.usable) < 2:
            raise ValueError(f"{len(self.usable)} clips have a caption without an order of its own; scenes need two")

    def draw(self, rng: np.random.Generator, n_events: int) -> Events:
        """Draw so many events, or only two if so many are not found in 500 attempts."""
        for attempt in range(1000):
            n_drawn = n_events if attempt < 500 else 2
            drawn = [self.usable[i] for i in rng.integers(0, len(self.usable), n_drawn)]
            chosen = [captions[rng.integers(len(captions))] for _, captions in drawn]
            are_distinct = len({self.keys[index] for index, _ in drawn}) == n_drawn
            if are_distinct and not any(one & other for (_, one), (_, other) in itertools.combinations(chosen, 2)):
                return Events(tuple(index for index, _ in drawn), tuple(caption for caption, _ in chosen))
        raise ValueError(f"{self.split}: no two clips have captions without a word in common")

    def draw_background(self, rng: np.random.Generator, events: Events) -> int | None:
        """Draw a clip that shares neither a caption nor a content word with the events; `None` if none is found."""
        words = set().union(*(content(as_clause(caption)) for caption in events.labels))
        keys = {self.keys[clip] for clip in events.clips}
        for number in rng.integers(0, len(self.usable), 100):
            index, _ = self.usable[number]
            shares_word = any(words & content(as_clause(caption)) for caption in self.clips[index].captions)
            if self.keys[index] not in keys and not shares_word:
                return index
        return None

    def say(self, rng: np.random.Generator, relation: str, captions: tuple[str, ...]) -> str:
        """Join people's captions into one."""
        return say_naturally(relation, captions, rng=rng if self.split == "train" else None)


Pool = LabelledPool | CaptionedPool


def make_pool(
    clips: list[Clip],
    indices: Iterable[int],
    all_classes: list[str],
    split: str,
    paraphrase_share: float = PARAPHRASE_SHARE,
) -> Pool:
    """Make a pool of the clips at `indices`: captioned if there are no classes.

    Raises:
        ValueError: no two of them may occur in one scene.
    """
    if all_classes:
        return LabelledPool(clips, indices, all_classes, split, paraphrase_share)
    return CaptionedPool(clips, indices, split)
