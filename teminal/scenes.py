"""Define scenes, captions and compositions, and decide which caption is true of which scene."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

VARIANTS = ("single", "forward", "reversed", "overlay")
# relation -> (least, most) number of labels
SCENE_RELATIONS = {"single": (1, 1), "sequence": (2, math.inf), "overlay": (2, math.inf)}
_TWO = dict.fromkeys(("and", "before", "after", "while"), (2, 2))
CAPTION_RELATIONS = {"single": (1, 1), **_TWO, "then": (2, math.inf)}

MIN_SCENE_S, MAX_SCENE_S = 3.0, 60.0
MIN_SLOT_S = 0.5  # or a tenth of the scene
MIN_OVERLAP_S = 0.02
MAX_EVENTS = 4
TOLERANCE_S = 1e-6  # sums of rounded seconds


@dataclass(frozen=True, order=True)
class Layout:
    """Where the events of a scene lie in time; all variants of a group share it.

    Attributes:
        duration_s: of the scene, 3 to 60.
        slots: (onset_s, duration_s) for each event in order of onset; () for equal parts of the scene. Neighbours may
            touch, leave a gap, or overlap by at most a third of the shorter.

    Raises:
        ValueError: a slot does not fit.
    """

    duration_s: float = 10.0
    slots: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not MIN_SCENE_S <= self.duration_s <= MAX_SCENE_S:
            raise ValueError(f"{self}: a scene lasts {MIN_SCENE_S:g} to {MAX_SCENE_S:g} s")
        if self.slots and not 2 <= len(self.slots) <= MAX_EVENTS:
            raise ValueError(f"{self}: a scene has two to {MAX_EVENTS} slots")
        shortest_s = min(MIN_SLOT_S, self.duration_s / 10)
        for onset_s, duration_s in self.slots:
            is_within = onset_s >= 0 and onset_s + duration_s <= self.duration_s + TOLERANCE_S
            if not (is_within and duration_s >= shortest_s - TOLERANCE_S):
                raise ValueError(
                    f"{self}: slot {onset_s, duration_s} is shorter than {shortest_s:g} s or not within the scene"
                )
        for (onset_s, duration_s), (next_s, next_duration_s) in itertools.pairwise(self.slots):
            overlap_s = onset_s + duration_s - next_s
            most_s = min(duration_s, next_duration_s) / 3 + TOLERANCE_S
            if overlap_s > TOLERANCE_S and not MIN_OVERLAP_S <= overlap_s <= most_s:
                raise ValueError(
                    f"{self}: slots at {onset_s:g} and {next_s:g} s overlap by {overlap_s:g} s, neighbours may by "
                    f"{MIN_OVERLAP_S} s to a third of the shorter"
                )

    def place(self, n_events: int) -> list[tuple[float, float]]:
        """Return (onset_s, duration_s) of the slots of `n_events`.

        Raises:
            ValueError: the layout has another number of slots.
        """
        if not self.slots:
            part_s = self.duration_s / n_events
            return [(number * part_s, part_s) for number in range(n_events)]
        if len(self.slots) != n_events:
            raise ValueError(f"{self} has {len(self.slots)} slots for {n_events} events")
        return list(self.slots)


TEN_SECONDS = Layout()  # in equal parts


@dataclass(frozen=True)
class Scene:
    """Events placed in time: distinct `labels` in order of onset (any order for `overlay`).

    `background` is the label of a quieter sound under everything, of which nothing is said.
    """

    relation: str
    labels: tuple[str, ...]
    background: str | None = None

    def __post_init__(self) -> None:
        _check(self, SCENE_RELATIONS)
        if self.background in self.labels:
            raise ValueError(f"{self}: the background must differ from the events in label")


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
        clips: indices into a bank, in the order of the forward variant.
        background: (index,) of the clip under everything, or ().
        offsets: start sample in the loop of each clip and of the background, counted from the end if negative; () for
            zeros.
        snr_db: level of the first clip over the last in an overlay.
        background_db: level of the clips over the background.
        layout: slots of the clips.
        variant: one of `VARIANTS`; "clip" for a clip as recorded; "onset" for one surrounded by silence.
        order: for "forward", which clip each slot holds, such as (1, 0, 2); () for the order of `clips`.
        onset_s: where the clip of "onset" starts.
    """

    clips: tuple[int, ...]
    background: tuple[int, ...] = ()
    offsets: tuple[int, ...] = ()
    snr_db: float = 0.0
    background_db: float = 0.0
    layout: Layout = TEN_SECONDS
    variant: str = "clip"
    order: tuple[int, ...] = ()
    onset_s: float = 0.0

    @property
    def all_clips(self) -> tuple[int, ...]:
        """The clips, then the background."""
        return self.clips + self.background

    def shares_group(self, other: "Composition") -> bool:
        """Tell whether both are variants of one group."""
        are_variants = self.variant in VARIANTS and other.variant in VARIANTS
        return are_variants and replace(self, variant=other.variant, order=other.order) == other


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


def background_captions(captions: list[Caption], scenes: list[Scene]) -> list[list[int]]:
    """List, for each scene, the indices of the `captions` that name its background: neither true nor negatives."""
    naming: dict[str | None, list[int]] = {}
    for index, caption in enumerate(captions):
        for label in caption.labels:
            naming.setdefault(label, []).append(index)
    return [naming.get(scene.background, []) for scene in scenes]


def variant_scene(variant: str, *labels: str, background: str | None = None) -> Scene:
    """Return the scene of one variant of the group of events with `labels`, in forward order."""
    relation = {"single": "single", "overlay": "overlay"}.get(variant, "sequence")
    heard = {"single": labels[:1], "reversed": labels[::-1]}.get(variant, labels)
    return Scene(relation, heard, background)
