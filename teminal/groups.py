"""Draw composition groups: which clips, in which order, how they are mixed, and what is said of each variant."""

import zlib
from dataclasses import dataclass

import numpy as np

from teminal.pools import CaptionedPool, LabelledPool
from teminal.rendering import EVENT_SAMPLES

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Mix:
    """How groups are drawn: ranges are (low, high)."""

    three_event_share: float
    snr_db: tuple[float, float]
    gap_s: tuple[float, float]


@dataclass(frozen=True)
class Event:
    """A clip (its index) with what it is called, and where in its loop it starts, in samples."""

    clip: int
    label: str
    offset: int


@dataclass(frozen=True)
class Group:
    """All that is drawn of a composition group; `captions` holds (relation, text) of each of `VARIANTS`."""

    group_id: str
    split: str
    fold: int | None
    events: tuple[Event, ...]
    snr_db: float
    gap_s: float
    captions: tuple[tuple[str, str], ...]
    seen_pair: bool | None


def draw_group(pool: LabelledPool | CaptionedPool, config: str, split: str, seed: int, mix: Mix, index: int) -> Group:
    """Group `index` of a split of a config: a pure function of its arguments."""
    rng = np.random.default_rng([seed, zlib.crc32(config.encode()), SPLITS.index(split), index])
    n_events = 3 if rng.random() < mix.three_event_share else 2
    fold, clips, labels, seen = pool.draw(rng, n_events)
    labels = tuple(labels)
    offsets = rng.integers(0, EVENT_SAMPLES, len(clips)).tolist()
    statements = [
        ("single", labels[:1]),
        _in_order(rng, labels),
        _in_order(rng, labels[::-1]),
        ("while", tuple(labels[i] for i in rng.permutation(len(labels))[:2])),
    ]
    return Group(
        f"{config}-{split}-{index:06d}",
        split,
        fold,
        tuple(map(Event, clips, labels, offsets)),
        float(rng.uniform(*mix.snr_db)),
        float(rng.uniform(*mix.gap_s)) if rng.random() < 0.5 else 0.0,
        tuple((relation, pool.say(rng, relation, said)) for relation, said in statements),
        seen,
    )


def _in_order(rng, labels):
    if len(labels) > 2:
        return "then", labels
    return ("before", labels) if rng.random() < 0.5 else ("after", labels[::-1])
