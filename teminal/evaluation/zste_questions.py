"""Build the examples of each ZSTE sub-task: audios, candidate captions, and which of them are true."""

import itertools
from dataclasses import dataclass

from teminal.captions import say
from teminal.clips import ClipBank
from teminal.sampling.curves import draw_curve_scenes
from teminal.sampling.zste import Heard, SceneGroup, draw_scenes, draw_task6_scenes
from teminal.scenes import Caption, Composition, Scene, true_captions
from teminal.splits import split_pairs

Pairs = set[tuple[str, str]]


@dataclass(frozen=True)
class Example:
    """One question: which candidate captions are true of which audios?

    Attributes:
        right: indices of the true pairs among all scores, audio after audio: [s00, s01, s10, s11] for two audios and
            two captions.
        group: "seen" or "unseen" pair of classes, or "" for one sound.
        labels: events of the first audio, in order.
    """

    task: str
    audios: tuple[Composition, ...]
    candidates: tuple[str, ...]
    right: tuple[int, ...]
    group: str
    labels: tuple[str, ...]


def build_examples(bank: ClipBank, n_scenes: int, seed: int) -> list[Example]:
    """Draw scenes from a bank and build the examples of all tasks.

    Example i of each sub-task is of scene i; task 1 has one per clip, task 6 asks of the first quarter.

    Args:
        bank: only test clips, of at least three classes.
        n_scenes: number of groups, and of clips in task 1, or all clips if there are fewer.
        seed: of all random draws.
    """
    if n_scenes < 1:
        raise ValueError(f"--n_scenes {n_scenes}: at least 1 is needed")
    if len(bank.classes) < 3:
        raise ValueError(f"test clips of {', '.join(bank.classes)} only: ZSTE needs three classes, take more folds")
    recorded, in_silence, groups = draw_scenes(bank, n_scenes, seed)
    unseen_pairs = set(split_pairs(bank.classes)[1])
    return [
        *build_two_sound_examples(recorded, in_silence, groups, bank.classes, unseen_pairs),
        *(example for group in groups for example in build_three_sound_examples(group, unseen_pairs)),
        *build_statement_examples(draw_task6_scenes(groups, seed), unseen_pairs),
    ]


def build_curve_examples(bank: ClipBank, n_scenes: int, seed: int) -> list[Example]:
    """Draw the scenes of robustness curves from a bank, with the sounds of task 6, and build their examples.

    Arguments are those of [`build_examples`]; the `task` of an example is its point.
    """
    _, _, groups = draw_scenes(bank, n_scenes, seed)
    return build_statement_examples(draw_curve_scenes(groups, seed), set(split_pairs(bank.classes)[1]))


def build_two_sound_examples(
    recorded: list[Heard],
    in_silence: list[Heard],
    groups: list[SceneGroup],
    classes: list[str],
    unseen_pairs: Pairs,
) -> list[Example]:
    """Build the examples of tasks 1 to 5 but 5D.

    Args:
        recorded, in_silence: single clips, as recorded (1A) and in silence (1B).
        groups: whose first two sounds are used.
        classes: candidates of tasks 1, 2 and 4D.
        unseen_pairs: sorted pairs of classes that never meet in training.
    """
    overlay = [group.two("overlay") for group in groups]
    forward = [group.two("forward") for group in groups]
    heard_in = {"1A": recorded, "1B": in_silence, "2A": overlay, "2B": overlay, "2C": forward, "2D": forward}
    singles = [Caption("single", (label,)) for label in classes]
    examples = []
    for task, heard in heard_in.items():
        examples += build_task(task, [[one] for one in heard], singles, unseen_pairs)
    statements = [Caption("before", labels) for labels in itertools.permutations(classes, 2)]
    statements += [Caption("while", labels) for labels in itertools.combinations(classes, 2)]
    examples += build_task("4D", [[group.two(group.mixed_variant)] for group in groups], statements, unseen_pairs)
    for group in groups:
        examples += _build_order_examples(group, unseen_pairs)
    return examples


def _build_order_examples(group: SceneGroup, unseen_pairs: Pairs) -> list[Example]:
    """Build the examples of tasks 3 to 5 but 4D and 5D, about the group's first two sounds."""
    statements = four_statements(*group.labels[:2])
    orders, orders_by_after = statements[:2], statements[2:]
    relations = [*orders, Caption("while", group.labels[:2])]
    forward, mixed = [group.two("forward")], [group.two(group.mixed_variant)]
    both_orders = [*forward, group.two("reversed")]
    return [
        *build_task("3A", [forward], orders, unseen_pairs),
        *build_task("3B", [forward], orders_by_after, unseen_pairs),
        *build_task("3C", [mixed], relations, unseen_pairs),
        *build_task("3D", [forward], statements, unseen_pairs),
        *build_task("4A", [both_orders], orders, unseen_pairs),
        *build_task("4B", [both_orders], orders, unseen_pairs),
        *build_task("4C", [both_orders], orders, unseen_pairs),
        *build_task("5A", [forward], orders, unseen_pairs, group.held_out),
        *build_task("5B", [mixed], relations, unseen_pairs, group.held_out),
        *build_task("5C", [forward], orders, unseen_pairs, {"before": group.sentence}),
    ]


def build_three_sound_examples(group: SceneGroup, unseen_pairs: Pairs) -> list[Example]:
    """Build the example of task 5D, the order of three sounds."""
    orders = [Caption("then", labels) for labels in itertools.permutations(group.labels)]
    return build_task("5D", [[group.three()]], orders, unseen_pairs)


def build_statement_examples(scenes: dict[str, list[Heard]], unseen_pairs: Pairs) -> list[Example]:
    """Build the examples that ask the four statements of 3D, from sub-task -> its scenes of two events."""
    examples = []
    for task, heard in scenes.items():
        for one in heard:
            examples += build_task(task, [[one]], four_statements(*one[1].labels), unseen_pairs)
    return examples


def four_statements(x: str, y: str) -> list[Caption]:
    """State both orders with *before*, then with *after*; of "x then y" the first and the third are true."""
    return [
        Caption("before", (x, y)),
        Caption("before", (y, x)),
        Caption("after", (y, x)),
        Caption("after", (x, y)),
    ]


def build_task(
    task: str,
    questions: list[list[Heard]],
    captions: list[Caption],
    unseen_pairs: Pairs,
    templates: dict[str, str] | None = None,
) -> list[Example]:
    """Build examples with the same candidates.

    Args:
        questions: the compositions of each example, one or more.
        captions: the candidates.
        templates: relation -> wording; others have the default wording.
    """
    candidates = tuple(say(caption, (templates or {}).get(caption.relation)) for caption in captions)
    scenes = list(dict.fromkeys(scene for heard in questions for _, scene in heard))
    true = dict(zip(scenes, true_captions(captions, scenes), strict=True))
    examples = []
    for heard in questions:
        audios = tuple(composition for composition, _ in heard)
        right = tuple(n * len(captions) + index for n, (_, scene) in enumerate(heard) for index in true[scene])
        first = heard[0][1]
        examples.append(Example(task, audios, candidates, right, seen_or_unseen(first, unseen_pairs), first.labels))
    return examples


def seen_or_unseen(scene: Scene, unseen_pairs: Pairs) -> str:
    """Return "unseen" if two of the sounds never meet in training, else "seen"; "" for a single sound."""
    pairs = set(itertools.combinations(sorted(scene.labels), 2))
    return ("unseen" if pairs & unseen_pairs else "seen") if pairs else ""
