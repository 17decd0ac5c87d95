"""Which clips may meet in a scene, and what is said of them: for labelled and for captioned clips."""

import itertools

import numpy as np

from teminal.captions import as_clause, has_order, say, say_for_training, say_naturally
from teminal.clips import Clip
from teminal.language import content, keys_of_meanings, meaning
from teminal.scenes import Caption, split_pairs


class LabelledPool:
    """Clips of classes. Events of a scene come from one fold, so that rows can be split by fold again."""

    def __init__(self, clips: list[Clip], indices: list[int], all_classes: list[str], split: str):
        self.seen = set(split_pairs(all_classes)[0])
        self.split, self.by_fold = split, {}
        for index in indices:
            clip = clips[index]
            self.by_fold.setdefault(clip.fold, {}).setdefault(clip.label, []).append(index)
        self.pairs = {
            fold: [pair for pair in itertools.combinations(sorted(by_class), 2) if self.allowed(*pair)]
            for fold, by_class in self.by_fold.items()
        }
        self.folds = sorted(fold for fold, pairs in self.pairs.items() if pairs)
        if not self.folds:
            raise ValueError("no fold has clips of two classes that may meet")

    def allowed(self, x: str, y: str) -> bool:
        """Whether both may occur in one scene: in training, pairs that are held out may not."""
        return self.split != "train" or tuple(sorted((x, y))) in self.seen

    def draw(self, rng: np.random.Generator, n_events: int) -> tuple[int, list[int], list[str], bool]:
        """(fold, clips, labels, whether all pairs of classes are seen in training)."""
        fold = self.folds[rng.integers(len(self.folds))]
        labels = list(self.pairs[fold][rng.integers(len(self.pairs[fold]))])
        by_class = self.by_fold[fold]
        others = [label for label in sorted(by_class) if label not in labels]
        others = [label for label in others if all(self.allowed(label, other) for other in labels)]
        if n_events == 3 and others:
            labels.append(str(rng.choice(others)))
        labels = [labels[i] for i in rng.permutation(len(labels))]
        clips = [int(rng.choice(by_class[label])) for label in labels]
        seen = all(tuple(sorted(pair)) in self.seen for pair in itertools.combinations(labels, 2))
        return fold, clips, labels, seen

    def say(self, rng: np.random.Generator, relation: str, labels: tuple[str, ...]) -> str:
        caption = Caption(relation, labels)
        return say_for_training(caption, rng) if self.split == "train" else say(caption)


class CaptionedPool:
    """Captioned clips; two events of a scene share no content word, so that order is not in doubt.

    `keys[i]` is the same for clips that share a caption, see [`keys_of_meanings`]; `key_of` is that of a meaning.
    """

    def __init__(self, clips: list[Clip], indices: list[int], split: str):
        self.split = split
        self.key_of = keys_of_meanings(clips)
        self.keys = [self.key_of[meaning(clip.captions[0])] for clip in clips]
        self.usable = []
        for index in indices:
            captions = [caption for caption in clips[index].captions if as_clause(caption) and not has_order(caption)]
            if captions:
                self.usable.append((index, [(caption, content(as_clause(caption))) for caption in captions]))
        if len(self.usable) < 2:
            raise ValueError(f"{len(self.usable)} clips have a caption without an order of its own; scenes need two")

    def draw(self, rng: np.random.Generator, n_events: int) -> tuple[None, list[int], list[str], None]:
        for attempt in range(1000):
            n_drawn = n_events if attempt < 500 else 2
            drawn = [self.usable[i] for i in rng.integers(0, len(self.usable), n_drawn)]
            chosen = [captions[rng.integers(len(captions))] for _, captions in drawn]
            distinct = len({self.keys[index] for index, _ in drawn}) == n_drawn
            if distinct and not any(one & other for (_, one), (_, other) in itertools.combinations(chosen, 2)):
                return None, [index for index, _ in drawn], [caption for caption, _ in chosen], None
        raise ValueError(f"{self.split}: no two clips have captions without a word in common")

    def say(self, rng: np.random.Generator, relation: str, captions: tuple[str, ...]) -> str:
        return say_naturally(relation, captions, rng=rng if self.split == "train" else None)
