"""Draw the composition groups of a dataset, with a caption for each variant."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from teminal.rendering import EVENT_SAMPLES
from teminal.sampling.layouts import (
    TASK6,
    TASK6_BACKGROUND_DB,
    draw_free_layout,
    draw_task6_layout,
    equal_parts,
)
from teminal.sampling.pools import Events, Pool
from teminal.scenes import TEN_SECONDS, VARIANTS, Composition, Layout
from teminal.splits import SPLITS


@dataclass(frozen=True)
class Mix:
    """Distribution of groups.

    Attributes:
        three_event_share, four_event_share: of groups; the others have two events.
        snr_db: range (low, high).
        gap_s: range (low, high) of the gap between equal parts, which half of their groups have.
        free_layout_share: of groups with a drawn layout; the others last ten seconds in equal parts.
        max_duration_s: of drawn layouts, 3 to 60.
    """

    three_event_share: float
    snr_db: Sequence[float]
    gap_s: Sequence[float]
    four_event_share: float = 0.0
    free_layout_share: float = 0.0
    max_duration_s: float = TEN_SECONDS.duration_s

    def draw_n_events(self, rng: np.random.Generator) -> int:
        """Draw how many events a group has."""
        drawn = rng.random()
        if drawn < self.three_event_share:
            return 3
        return 4 if drawn < self.three_event_share + self.four_event_share else 2


@dataclass(frozen=True)
class Group:
    """A composition group of a dataset.

    Attributes:
        composition: its variant "forward".
        labels: classes or captions of the clips.
        captions: (relation, text) for each variant.
    """

    group_id: str
    split: str
    fold: int | None
    composition: Composition
    labels: tuple[str, ...]
    captions: tuple[tuple[str, str], ...]
    seen_pair: bool | None

    def compositions(self) -> list[Composition]:
        """Return the compositions of all `VARIANTS`."""
        return [replace(self.composition, variant=variant) for variant in VARIANTS]


def draw_group(pool: Pool, config: str, seed: int, mix: Mix, number: int) -> Group:
    """Draw group `number` of the split of `pool` in a config.

    Free layouts and backgrounds use a second generator, so that their share does not change the other groups.
    """
    key = [seed, zlib.crc32(config.encode()), SPLITS.index(pool.split), number]
    group = _draw_in_equal_parts(np.random.default_rng(key), pool, mix, f"{config}-{pool.split}-{number:06d}")
    rng = np.random.default_rng([*key, 1])
    if rng.random() >= mix.free_layout_share:
        return group
    layout, background_db = draw_free_layout(rng, len(group.labels), mix.max_duration_s)
    return _lay_out(rng, pool, group, layout, background_db)


def draw_task6_group(pool: Pool, config: str, seed: int, mix: Mix, number: int) -> Group:
    """Draw group `number` of all of ZSTE task 6, whose sub-tasks take turns.

    Raises:
        ValueError: 6D finds no background.
    """
    task, number = TASK6[number % len(TASK6)], number // len(TASK6)
    of_two = replace(mix, three_event_share=0.0, four_event_share=0.0)
    for attempt in range(100):
        rng = np.random.default_rng([seed, zlib.crc32(f"{config}-{task}".encode()), number, attempt])
        group = _draw_in_equal_parts(rng, pool, of_two, f"{config}-{task}-{number:06d}")
        group = _lay_out(rng, pool, group, draw_task6_layout(task, rng), TASK6_BACKGROUND_DB if task == "6D" else None)
        if group.composition.background or task != "6D":
            return group
    raise ValueError(
        "scenes of ZSTE task 6D have a background, so they need clips of three classes in one fold, or three captions "
        "without a word in common; --n_task6_groups 0 leaves task 6 out"
    )


def _draw_in_equal_parts(rng: np.random.Generator, pool: Pool, mix: Mix, group_id: str) -> Group:
    """Draw a group of ten seconds, with a gap in half of the cases."""
    events = pool.draw(rng, mix.draw_n_events(rng))
    labels = events.labels
    offsets = tuple(rng.integers(0, EVENT_SAMPLES, len(labels)).tolist())
    statements = [
        ("single", labels[:1]),
        _draw_order(rng, labels),
        _draw_order(rng, labels[::-1]),
        ("while", tuple(labels[i] for i in rng.permutation(len(labels))[:2])),
    ]
    snr_db = float(rng.uniform(mix.snr_db[0], mix.snr_db[1]))
    gap_s = float(rng.uniform(mix.gap_s[0], mix.gap_s[1])) if rng.random() < 0.5 else 0.0
    return Group(
        group_id=group_id,
        split=pool.split,
        fold=events.fold,
        composition=Composition(
            events.clips,
            offsets=offsets,
            snr_db=snr_db,
            layout=equal_parts(len(labels), gap_s),
            variant="forward",
        ),
        labels=labels,
        captions=tuple((relation, pool.say(rng, relation, said)) for relation, said in statements),
        seen_pair=events.seen_pair,
    )


def _lay_out(rng: np.random.Generator, pool: Pool, group: Group, layout: Layout, background_db: float | None) -> Group:
    """Give a group another layout, and a background if it has a level and there is a clip for it."""
    composition = replace(group.composition, layout=layout)
    events = Events(composition.clips, group.labels, group.fold, group.seen_pair)
    background = None if background_db is None else pool.draw_background(rng, events)
    if background is not None:
        offsets = (*composition.offsets, int(rng.integers(0, EVENT_SAMPLES)))
        composition = replace(
            composition, background=(background,), offsets=offsets, background_db=background_db or 0.0
        )
    return replace(group, composition=composition)


def _draw_order(rng: np.random.Generator, labels: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    if len(labels) > 2:
        return "then", labels
    return ("before", labels) if rng.random() < 0.5 else ("after", labels[::-1])
