"""What sounds in a scene, what a caption says of it, and whether that is true."""

import itertools
from dataclasses import dataclass

import numpy as np

VARIANTS = ("single", "forward", "reversed", "overlay")
SCENE_RELATIONS = ("single", "sequence", "overlay")
CAPTION_RELATIONS = ("single", "and", "before", "after", "while", "then")


@dataclass(frozen=True)
class Scene:
    """Events placed in time: `labels` in order of onset (any order for `overlay`), no two alike."""

    relation: str
    labels: tuple[str, ...]

    def __post_init__(self):
        _check(self, SCENE_RELATIONS)


@dataclass(frozen=True)
class Caption:
    """A statement about a scene: `after`, (x, y) says "x after y"."""

    relation: str
    labels: tuple[str, ...]

    def __post_init__(self):
        _check(self, CAPTION_RELATIONS)


def _check(item, relations):
    if item.relation not in relations:
        raise ValueError(f"{item}: relation must be one of {', '.join(relations)}")
    if len(set(item.labels)) != len(item.labels):
        raise ValueError(f"{item}: two events of one scene or caption must differ in label")
    n_labels = len(item.labels)
    right = {"single": n_labels == 1, "sequence": n_labels >= 2, "overlay": n_labels >= 2, "then": n_labels >= 2}.get(
        item.relation, n_labels == 2
    )
    if not right:
        raise ValueError(f"{item}: wrong number of labels for relation {item.relation!r}")


def holds(caption: Caption, scene: Scene) -> bool:
    """Whether `caption` is true of `scene`; the only place that knows."""
    labels = scene.labels
    if not set(caption.labels) <= set(labels):
        return False
    if caption.relation in ("single", "and"):
        return True
    if caption.relation == "while":
        return scene.relation == "overlay"
    ordered = caption.labels[::-1] if caption.relation == "after" else caption.labels
    onsets = [labels.index(label) for label in ordered]
    return scene.relation == "sequence" and onsets == sorted(onsets)


def true_captions(captions: list[Caption], scenes: list[Scene]) -> list[list[int]]:
    """Which of some distinct captions (their indices, rising) are true of each of some distinct scenes."""
    starting = {}
    for index, caption in enumerate(captions):
        starting.setdefault(caption.labels[0], []).append(index)
    candidates = ([index for label in scene.labels for index in starting.get(label, ())] for scene in scenes)
    return [
        sorted(index for index in known if holds(captions[index], scene))
        for scene, known in zip(scenes, candidates, strict=True)
    ]


def variant_scene(variant: str, x: str, y: str) -> Scene:
    """The scene of one variant of the composition group of x and y."""
    return {
        "single": Scene("single", (x,)),
        "forward": Scene("sequence", (x, y)),
        "reversed": Scene("sequence", (y, x)),
        "overlay": Scene("overlay", (x, y)),
    }[variant]


def split_pairs(labels: list[str], unseen_share: float = 0.2, seed: int = 0) -> tuple[list, list]:
    """Split the unordered pairs of `labels` into (seen, unseen); unseen pairs never occur in training scenes.

    Depends on the set of labels and the seed alone. Each pair is a sorted tuple of two labels.
    """
    pairs = list(itertools.combinations(sorted(set(labels)), 2))
    n_unseen = round(unseen_share * len(pairs))
    unseen_index = set(np.random.default_rng(seed).permutation(len(pairs))[:n_unseen].tolist())
    seen = [pair for i, pair in enumerate(pairs) if i not in unseen_index]
    unseen = [pair for i, pair in enumerate(pairs) if i in unseen_index]
    return seen, unseen
