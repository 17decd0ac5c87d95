"""What each ZSTE sub-task asks of a scene: of which audios, with which candidate captions, and which are true."""

import itertools
from dataclasses import dataclass

from teminal.captions import say
from teminal.evaluation.zste_audio import AudioSpec
from teminal.scenes import Caption, Scene, true_captions, variant_scene


@dataclass(frozen=True)
class Example:
    """One question: which of the `candidates` (captions) are true of which of the `audios`?

    `right` indexes the scores of all audios and candidates, audio after audio: the candidates themselves where there
    is one audio, [s00, s01, s10, s11] for two audios and two captions. `group` is "seen", "unseen" or "" (one sound).
    `labels` are the events of the first audio, in order.
    """

    task: str
    audios: tuple[AudioSpec, ...]
    candidates: tuple[str, ...]
    right: tuple[int, ...]
    group: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class SceneGroup:
    """Clips of three different classes with everything random about their scenes already drawn.

    The scenes of two sounds are those of the first two. `held_out` maps "before" and "while" to held-out templates;
    `sentence` is one for "before". Every candidate of a question has the same, so that only the order differs.
    """

    clips: tuple[int, int, int]
    labels: tuple[str, str, str]
    snr_db: float
    mixed_variant: str
    held_out: dict[str, str]
    sentence: str

    def two(self, variant: str) -> tuple[AudioSpec, Scene]:
        return AudioSpec(self.clips[:2], self.snr_db, variant), variant_scene(variant, *self.labels[:2])

    def mixed(self) -> tuple[AudioSpec, Scene]:
        """Forward, reversed or overlay."""
        return self.two(self.mixed_variant)

    def three(self) -> tuple[AudioSpec, Scene]:
        """All three sounds in sequence."""
        return AudioSpec(self.clips, kind="forward"), Scene("sequence", self.labels)


def seen_or_unseen(scene: Scene, unseen_pairs: set[tuple[str, str]]) -> str:
    """ "unseen" if any two of the sounds never occur together in training; "" for a single sound."""
    pairs = set(itertools.combinations(sorted(scene.labels), 2))
    return ("unseen" if pairs & unseen_pairs else "seen") if pairs else ""


def ask_of_each(
    task: str, heard: list[tuple[AudioSpec, Scene]], captions: list[Caption], unseen_pairs: set[tuple[str, str]]
) -> list[Example]:
    """The same candidates, in default wording, for each audio."""
    candidates = tuple(map(say, captions))
    right = true_captions(captions, [scene for _, scene in heard])
    return [
        Example(task, (audio,), candidates, tuple(true), seen_or_unseen(scene, unseen_pairs), scene.labels)
        for (audio, scene), true in zip(heard, right, strict=True)
    ]


def recognition_examples(
    clips: list[tuple[AudioSpec, AudioSpec, Scene]],
    groups: list[SceneGroup],
    classes: list[str],
    unseen_pairs: set[tuple[str, str]],
) -> list[Example]:
    """Tasks 1 and 2: one or two sounds against every class; `clips` are as recorded, in silence, and their scene."""
    captions = [Caption("single", (label,)) for label in classes]
    recorded = [(recorded, scene) for recorded, _, scene in clips]
    in_silence = [(in_silence, scene) for _, in_silence, scene in clips]
    overlay = [group.two("overlay") for group in groups]
    forward = [group.two("forward") for group in groups]
    heard = {"1A": recorded, "1B": in_silence, "2A": overlay, "2B": overlay, "2C": forward, "2D": forward}
    return [example for task in heard for example in ask_of_each(task, heard[task], captions, unseen_pairs)]


def all_statements_examples(
    groups: list[SceneGroup], classes: list[str], unseen_pairs: set[tuple[str, str]]
) -> list[Example]:
    """Task 4D: every statement about two of the classes."""
    captions = [Caption("before", labels) for labels in itertools.permutations(classes, 2)]
    captions += [Caption("while", labels) for labels in itertools.combinations(classes, 2)]
    return ask_of_each("4D", [group.mixed() for group in groups], captions, unseen_pairs)


def order_examples(group: SceneGroup, unseen_pairs: set[tuple[str, str]]) -> list[Example]:
    """Tasks 3 to 5 but for 4D and 5D: the candidates are about the group's first two sounds."""
    x, y = group.labels[:2]
    orders = [Caption("before", (x, y)), Caption("before", (y, x))]
    orders_by_after = [Caption("after", (y, x)), Caption("after", (x, y))]
    relations = [*orders, Caption("while", (x, y))]
    forward, reverse = group.two("forward"), group.two("reversed")

    def ask(task, heard, captions, templates=None):
        audios, scenes = zip(*heard, strict=True)
        candidates = tuple(say(caption, (templates or {}).get(caption.relation)) for caption in captions)
        true = enumerate(true_captions(captions, scenes))
        right = tuple(number * len(captions) + index for number, indices in true for index in indices)
        group = seen_or_unseen(scenes[0], unseen_pairs)
        return Example(task, audios, candidates, right, group, scenes[0].labels)

    return [
        ask("3A", [forward], orders),
        ask("3B", [forward], orders_by_after),
        ask("3C", [group.mixed()], relations),
        ask("3D", [forward], orders + orders_by_after),
        *(ask(task, [forward, reverse], orders) for task in ("4A", "4B", "4C")),
        ask("5A", [forward], orders, group.held_out),
        ask("5B", [group.mixed()], relations, group.held_out),
        ask("5C", [forward], orders, {"before": group.sentence}),
    ]


def two_sound_examples(
    clips: list[tuple[AudioSpec, AudioSpec, Scene]],
    groups: list[SceneGroup],
    classes: list[str],
    unseen_pairs: set[tuple[str, str]],
) -> list[Example]:
    """All tasks but 5D; arguments are those of [`recognition_examples`]."""
    return [
        *recognition_examples(clips, groups, classes, unseen_pairs),
        *all_statements_examples(groups, classes, unseen_pairs),
        *(example for group in groups for example in order_examples(group, unseen_pairs)),
    ]


def three_examples(groups: list[SceneGroup], unseen_pairs: set[tuple[str, str]]) -> list[Example]:
    """Task 5D: the orders of three sounds."""
    return [
        example
        for group in groups
        for example in ask_of_each(
            "5D",
            [group.three()],
            [Caption("then", labels) for labels in itertools.permutations(group.labels)],
            unseen_pairs,
        )
    ]
