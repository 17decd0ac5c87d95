"""Define scenes, captions and compositions, and decide which caption is true of which scene."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

VARIANTS = ("single", "forward", "reversed", "overlay")
# relation -> (least, most) number of labels
SCENE_RELATIONS = {"single": (1, 1), "sequence": (2, math.inf), "overlay": (2, math.inf)}
_TWO = dict.fromkeys(("and", "before", "after", "while"), (2, 2))
CAPTION_RELATIONS = {"single": (1, 1), **_TWO, "then": (2, math.inf)}


@dataclass(frozen=True)
class Scene:
    """Events placed in time: distinct `labels` in order of onset (any order for `overlay`)."""

    relation: str
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        _check(self, SCENE_RELATIONS)


@dataclass(frozen=True)
class Caption:
    """A statement about a scene: `after`, (x, y) means "x after y"."""

    relation: str
    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        _check(self, CAPTION_RELATIONS)


@dataclass(frozen=True, order=True)
class Composition:
    """All that one waveform is rendered from. Sorting brings the variants of a group together.

    Attributes:
        clips: indices into a bank, in the order of the forward variant; for "clip", the clip and maybe a background.
        offsets: start sample in the loop of each clip, counted from the end if negative; () for zeros.
        snr_db: level of the first clip over the last.
        gap_s: silence at each joint; 0 means cross-fades.
        variant: one of `VARIANTS`; "clip" for a clip as recorded; "onset" for one surrounded by silence.
        onset_s: where the clip of "onset" starts.
    """

    clips: tuple[int, ...]
    offsets: tuple[int, ...] = ()
    snr_db: float = 0.0
    gap_s: float = 0.0
    variant: str = "clip"
    onset_s: float = 0.0

    def shares_group(self, other: "Composition") -> bool:
        """Tell whether both are variants of one group."""
        are_variants = self.variant in VARIANTS and other.variant in VARIANTS
        return are_variants and replace(self, variant=other.variant) == other


def in_groups(compositions: Iterable[Composition]) -> list[list[Composition]]:
    """Collect adjacent variants of one group in a list each; other compositions get a list of their own."""
    groups: list[list[Composition]] = []
    for composition in compositions:
        if groups and composition.shares_group(groups[-1][0]):
            groups[-1].append(composition)
        else:
            groups.append([composition])
    return groups


def _check(item: Scene | Caption, relations: dict[str, tuple[int, float]]) -> None:
    if item.relation not in relations:
        raise ValueError(f"{item}: relation must be one of {', '.join(relations)}")
    if len(set(item.labels)) != len(item.labels):
        raise ValueError(f"{item}: two events of one scene or caption must differ in label")
    fewest, most = relations[item.relation]
    if not fewest <= len(item.labels) <= most:
        raise ValueError(f"{item}: wrong number of labels for relation {item.relation!r}")


def holds(caption: Caption, scene: Scene) -> bool:
    """Tell whether a caption is true of a scene; this is decided only here."""
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
    """List, for each scene, the ascending indices of the distinct `captions` that are true of it."""
    starting: dict[str, list[int]] = {}
    for index, caption in enumerate(captions):
        starting.setdefault(caption.labels[0], []).append(index)
    true = []
    for scene in scenes:
        candidates = sorted(index for label in scene.labels for index in starting.get(label, ()))
        true.append([index for index in candidates if holds(captions[index], scene)])
    return true


def variant_scene(variant: str, x: str, y: str) -> Scene:
    """Return the scene of one variant of the group of x and y."""
    return {
        "single": Scene("single", (x,)),
        "forward": Scene("sequence", (x, y)),
        "reversed": Scene("sequence", (y, x)),
        "overlay": Scene("overlay", (x, y)),
    }[variant]


def split_pairs(labels: list[str], unseen_share: float = 0.2, seed: int = 0) -> tuple[list, list]:
    """Split the sorted pairs of `labels` into (seen, unseen); unseen pairs never occur in training scenes.

    The split depends only on the set of labels and the seed.
    """
    pairs = list(itertools.combinations(sorted(set(labels)), 2))
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    n_unseen = round(unseen_share * len(pairs))
    return [pairs[i] for i in sorted(order[n_unseen:])], [pairs[i] for i in sorted(order[:n_unseen])]
