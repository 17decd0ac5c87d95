"""Draw the scenes of ZSTE from the clips of a bank."""

from dataclasses import dataclass, replace

import numpy as np

from teminal.captions import HELD_OUT
from teminal.clips import ClipBank
from teminal.rendering import EVENT_S, OVERLAY_SNR_DB
from teminal.sampling.layouts import TASK6, TASK6_BACKGROUND_DB, draw_task6_layout
from teminal.scenes import TEN_SECONDS, VARIANTS, Composition, Layout, Scene, variant_scene

Heard = tuple[Composition, Scene]  # a composition and the scene that is heard in it


@dataclass(frozen=True)
class SceneGroup:
    """Clips of three classes, and all random choices for the scenes made of them.

    Attributes:
        mixed_variant: forward, reversed or overlay, for questions that mix the three.
        held_out: "before" and "while" -> a held-out template for all candidates of a question.
        sentence: a held-out template for "before" that is a full sentence.
    """

    clips: tuple[int, ...]
    labels: tuple[str, ...]
    snr_db: float
    mixed_variant: str
    held_out: dict[str, str]
    sentence: str

    def two(self, variant: str) -> Heard:
        """Return a variant of the first two events."""
        composition = Composition(self.clips[:2], snr_db=self.snr_db, variant=variant)
        return composition, variant_scene(variant, *self.labels[:2])

    def laid_out(self, layout: Layout = TEN_SECONDS, background_db: float | None = None) -> Heard:
        """Return the first two events in sequence in a layout, with the third under them if its level is given.

        Args:
            background_db: level of the two over the third.
        """
        composition, scene = self.two("forward")
        composition = replace(composition, layout=layout)
        if background_db is None:
            return composition, scene
        composition = replace(composition, background=self.clips[2:], background_db=background_db)
        return composition, replace(scene, background=self.labels[2])

    def three(self) -> Heard:
        """Return all three events in sequence."""
        return Composition(self.clips, variant="forward"), Scene("sequence", self.labels)


def draw_scene_group(
    rng: np.random.Generator, number: int, clips: tuple[int, ...], labels: tuple[str, ...], snr_db: float = 0.0
) -> SceneGroup:
    """Make group `number`, and draw its held-out templates."""
    return SceneGroup(
        clips=clips,
        labels=labels,
        snr_db=snr_db,
        mixed_variant=VARIANTS[1 + number % 3],
        held_out={relation: str(rng.choice(HELD_OUT[relation])) for relation in ("before", "while")},
        sentence=str(rng.choice(HELD_OUT["sentence"])),
    )


def draw_scenes(bank: ClipBank, n_scenes: int, seed: int) -> tuple[list[Heard], list[Heard], list[SceneGroup]]:
    """Draw recorded clips, the same clips at a random onset in silence, and groups of scenes.

    There are `n_scenes` of each, but at most as many single clips as the bank has. Third events and held-out
    templates use a second generator, so that tasks without them keep their scenes from version to version.
    """
    rng, rng_of_more = np.random.default_rng([seed, 7]), np.random.default_rng([seed, 13])
    clips = np.sort(rng.permutation(len(bank.clips))[:n_scenes]).tolist()
    onsets_s = rng.uniform(0, EVENT_S, len(clips)).tolist()
    recorded, in_silence, groups = [], [], []
    for clip, onset_s in zip(clips, onsets_s, strict=True):
        scene = Scene("single", (bank.labels[clip],))
        recorded.append((Composition((clip,)), scene))
        in_silence.append((Composition((clip,), variant="onset", onset_s=onset_s), scene))
    for number in range(n_scenes):
        x, y = (str(label) for label in rng.choice(bank.classes, 2, replace=False))
        first, second = (int(rng.choice(bank.by_class[label])) for label in (x, y))
        snr_db = float(rng.uniform(*OVERLAY_SNR_DB))
        z = str(rng_of_more.choice([label for label in bank.classes if label not in (x, y)]))
        third = int(rng_of_more.choice(bank.by_class[z]))
        groups.append(draw_scene_group(rng_of_more, number, (first, second, third), (x, y, z), snr_db))
    return recorded, in_silence, groups


def take_quarter(groups: list[SceneGroup]) -> list[SceneGroup]:
    """Take the groups whose sounds are laid out in other ways: the first quarter, at least one."""
    return groups[: max(1, len(groups) // 4)]


def draw_task6_scenes(groups: list[SceneGroup], seed: int) -> dict[str, list[Heard]]:
    """Draw the scenes of each sub-task of task 6; scene i of every sub-task has the sounds of group i."""
    rng, some = np.random.default_rng([seed, 19]), take_quarter(groups)
    background_db = {"6D": TASK6_BACKGROUND_DB}
    return {
        task: [group.laid_out(draw_task6_layout(task, rng), background_db.get(task)) for group in some]
        for task in TASK6
    }


def drawn_clips(bank: ClipBank, n_scenes: int, seed: int) -> set[int]:
    """Return the indices of the clips that [`draw_scenes`] uses."""
    recorded, _, groups = draw_scenes(bank, n_scenes, seed)
    return {composition.clips[0] for composition, _ in recorded}.union(*(group.clips for group in groups))
