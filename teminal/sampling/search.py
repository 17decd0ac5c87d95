"""Draw the compositions of composed search: targets and their near misses, in sets of 22."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from teminal.clips import ClipBank
from teminal.rendering import OVERLAY_SNR_DB, event_times
from teminal.scenes import TEN_SECONDS, Composition, Layout, Scene, variant_scene

SET_SIZE = 22
SHORT_FIRST = Layout(slots=((0.0, 2.0), (2.0, 8.0)))
LONG_FIRST = Layout(slots=((0.0, 8.0), (8.0, 2.0)))


@dataclass(frozen=True)
class Entry:
    """A composition that can be found, and the scene that is heard in it."""

    composition: Composition
    scene: Scene

    def durations_s(self) -> dict[str, float]:
        """Map each label of the scene to how long it is heard."""
        composition = self.composition
        times = event_times(composition.variant, len(composition.clips), composition.layout)
        return {label: duration_s for label, (_, duration_s) in zip(self.scene.labels, times, strict=True)}


@dataclass(frozen=True)
class Sounds:
    """Clips of different classes, and the level of the first over the last in an overlay."""

    clips: tuple[int, ...]
    labels: tuple[str, ...]
    snr_db: float

    def pick(self, numbers: Iterable[int]) -> "Sounds":
        """Keep some of the sounds, in the order of their `numbers`."""
        kept = list(numbers)
        return Sounds(tuple(self.clips[i] for i in kept), tuple(self.labels[i] for i in kept), self.snr_db)

    def compose(self, variant: str, layout: Layout = TEN_SECONDS, order: tuple[int, ...] = ()) -> Entry:
        """Compose all sounds; `order` is of "forward", see [`Composition`]."""
        composition = Composition(self.clips, snr_db=self.snr_db, layout=layout, variant=variant, order=order)
        return Entry(composition, variant_scene(variant, *self.pick(order or range(len(self.labels))).labels))


@dataclass(frozen=True)
class SearchSet:
    """Sounds of three kinds of targets, and for each kind one more that takes the place of another.

    Attributes:
        of_two: x, y, and z in place of y.
        of_three: a, b, c, and d in place of one of them.
        of_lengths: p and q, one of them short and one long, and r in place of one of them.
    """

    number: int
    of_two: Sounds
    of_three: Sounds
    of_lengths: Sounds

    def pairs(self) -> list[Sounds]:
        """Return (x, y) and (x, z)."""
        return [self.of_two.pick((0, 1)), self.of_two.pick((0, 2))]

    def triples(self) -> list[Sounds]:
        """Return (a, b, c), and the same with d in one place, which differs from set to set."""
        exchanged = [0, 1, 2]
        exchanged[self.number % 3] = 3
        return [self.of_three.pick((0, 1, 2)), self.of_three.pick(exchanged)]

    def unequal_pairs(self) -> list[Sounds]:
        """Return (p, q), and (r, q) or (p, r)."""
        return [self.of_lengths.pick((0, 1)), self.of_lengths.pick((2, 1) if self.number % 2 else (0, 2))]

    def entries(self) -> list[Entry]:
        """Compose the `SET_SIZE` entries, all of ten seconds, variants of a group side by side."""
        found = [self.pairs()[0].compose("single")]
        for pair in self.pairs():
            found += [pair.compose(variant) for variant in ("forward", "reversed", "overlay")]
        for triple in self.triples():
            found += [triple.compose("forward", order=order) for order in ((), (1, 0, 2), (0, 2, 1))]
            found.append(triple.compose("overlay"))
        pair, exchanged = self.unequal_pairs()
        for layout in (SHORT_FIRST, LONG_FIRST):
            found += [pair.compose("forward", layout), pair.compose("reversed", layout)]
        found.append(pair.compose("overlay", LONG_FIRST))
        found += [exchanged.compose("forward", layout) for layout in (SHORT_FIRST, LONG_FIRST)]
        return found


def draw_search_sets(bank: ClipBank, n_sets: int, seed: int) -> list[SearchSet]:
    """Draw the sounds of so many sets from a bank of labelled clips.

    Raises:
        ValueError: the bank has fewer than four classes.
    """
    if len(bank.classes) < 4:
        known = ", ".join(bank.classes)
        raise ValueError(f"test clips of {known} only: composed search needs four classes, take more folds")
    rng = np.random.default_rng([seed, 17])
    sets = []
    for number in range(n_sets):
        of_two, of_three, of_lengths = (_draw_sounds(bank, n_classes, rng) for n_classes in (3, 4, 3))
        sets.append(SearchSet(number, of_two, of_three, of_lengths))
    return sets


def _draw_sounds(bank: ClipBank, n_classes: int, rng: np.random.Generator) -> Sounds:
    labels = tuple(str(label) for label in rng.choice(bank.classes, n_classes, replace=False))
    clips = tuple(int(rng.choice(bank.by_class[label])) for label in labels)
    return Sounds(clips, labels, float(rng.uniform(*OVERLAY_SNR_DB)))


def drawn_search_clips(bank: ClipBank, n_sets: int, seed: int) -> set[int]:
    """Return the indices of the clips that [`draw_search_sets`] uses."""
    sets = draw_search_sets(bank, n_sets, seed)
    return {
        clip for drawn in sets for sounds in (drawn.of_two, drawn.of_three, drawn.of_lengths) for clip in sounds.clips
    }
