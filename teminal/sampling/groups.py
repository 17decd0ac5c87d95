"""Draw the composition groups of a dataset, with a caption for each variant."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from teminal.rendering import EVENT_SAMPLES
from teminal.sampling.layouts import equal_parts
from teminal.sampling.pools import Pool
from teminal.scenes import VARIANTS, Composition
from teminal.splits import SPLITS


@dataclass(frozen=True)
class Mix:
    """Distribution of groups: share with three events, and ranges (low, high) of SNR and gap."""

    three_event_share: float
    snr_db: Sequence[float]
    gap_s: Sequence[float]


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
    """Draw group `number` of the split of `pool` in a config."""
    rng = np.random.default_rng([seed, zlib.crc32(config.encode()), SPLITS.index(pool.split), number])
    events = pool.draw(rng, 3 if rng.random() < mix.three_event_share else 2)
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
        group_id=f"{config}-{pool.split}-{number:06d}",
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


def _draw_order(rng: np.random.Generator, labels: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    if len(labels) > 2:
        return "then", labels
    return ("before", labels) if rng.random() < 0.5 else ("after", labels[::-1])
