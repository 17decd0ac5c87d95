"""Draw the training data: pairs of compositions and captions, and recorded clips for replay."""

from dataclasses import dataclass, replace

import numpy as np

from teminal.captions import PARAPHRASE_SHARE, say
from teminal.clips import Clip, ClipBank
from teminal.language import meaning, swap_order
from teminal.natural_captions import as_clause, as_sentence
from teminal.rendering import EVENT_SAMPLES, OVERLAY_SNR_DB
from teminal.sampling.layouts import SceneMix
from teminal.sampling.pools import Events, LabelledPool, make_pool
from teminal.scenes import VARIANTS, Caption, Composition, Scene, variant_scene

BACKGROUND_DB_OF_SINGLES = (3.0, 30.0)


@dataclass(frozen=True)
class Pair:
    """One row of the training loss: a composition, its scene, and a true caption with its text."""

    composition: Composition
    scene: Scene
    caption: Caption
    text: str
    group: int


@dataclass(frozen=True)
class Replay:
    """A recorded clip and its caption. Captions with the same key are true of the same clips.

    `swapped` is (key, text) of a false caption, if the caption can be swapped.
    """

    composition: Composition
    text: str
    key: str
    swapped: tuple[str, str] | None = None


class TrainingSampler:
    """Draw pairs and replay clips from a bank; held-out class pairs never occur together.

    Attributes:
        keys: key of each clip: its class, or one shared by captioned clips with a caption in common.
        class_captions: the caption of each class, if there are classes.

    `paraphrase_share` of the captions of classes have another than the default wording.
    """

    def __init__(self, bank: ClipBank, paraphrase_share: float = PARAPHRASE_SHARE):
        self.bank = bank
        clips = [replace(clip, fold=None) for clip in bank.clips]  # events of a scene may come from different folds
        self.pool = make_pool(clips, range(len(clips)), bank.classes, "train", paraphrase_share)
        self.keys = self.pool.keys
        self.class_captions = [say(Caption("single", (label,))) for label in bank.classes]
        self.recorded = [i for i, clip in enumerate(bank.clips) if clip.label or any(map(as_clause, clip.captions))]

    def draw_pairs(self, stage: str, rng: np.random.Generator, number: int, mix: SceneMix) -> list[Pair]:
        """Draw the pairs of group `number` of a batch, from one composition group or (pretrain) one recorded clip."""
        if stage == "pretrain":
            composition = self._draw_recorded(rng)
            clip, key = self.bank.clips[composition.clips[0]], self.keys[composition.clips[0]]
            text = self.pool.say(rng, "single", (clip.label or _draw_caption(rng, clip),))
            return [Pair(composition, Scene("single", (key,)), Caption("single", (key,)), text, number)]
        events = self.pool.draw(rng, mix.draw_n_events(rng))
        keys = tuple(self.keys[clip] for clip in events.clips)
        label_of = dict(zip(keys, events.labels, strict=True))
        composition = self._draw_composition(rng, events, mix)
        background = self.keys[composition.background[0]] if composition.background else None
        is_stage_a = stage == "A" or (stage == "joint" and number % 2)
        pairs = []
        for variant, order, caption in _draw_stage_a(rng, keys) if is_stage_a else _draw_stage_b(rng, keys):
            scene = variant_scene(
                variant, *(keys[event] for event in order or range(len(keys))), background=background
            )
            text = self.pool.say(rng, caption.relation, tuple(label_of[key] for key in caption.labels))
            pairs.append(Pair(replace(composition, variant=variant, order=order), scene, caption, text, number))
        return pairs

    def draw_replay(self, rng: np.random.Generator) -> Replay:
        """Draw a recorded clip, with its caption in the default wording, and a swapped caption if there is one."""
        composition = self._draw_recorded(rng)
        clip, key = self.bank.clips[composition.clips[0]], self.keys[composition.clips[0]]
        if isinstance(self.pool, LabelledPool):
            caption = say(Caption("single", (key,)))
            return Replay(composition, caption, caption)
        caption = _draw_caption(rng, clip)
        text, swapped, false = as_sentence(as_clause(caption)), swap_order(caption), None
        if swapped:
            false_key = self.pool.key_of.get(meaning(swapped), meaning(swapped))
            false = (false_key, as_sentence(as_clause(swapped))) if false_key != key else None
        return Replay(composition, text, key, false)

    def _draw_composition(self, rng: np.random.Generator, events: Events, mix: SceneMix) -> Composition:
        """Draw how the events are composed: where their loops start, their levels and layout, a background."""
        offsets = (-rng.integers(0, EVENT_SAMPLES, len(events.clips))).tolist()
        snr_db = float(rng.uniform(*OVERLAY_SNR_DB))
        layout, background_db = mix.draw_layout(rng, len(events.clips))
        background = None if background_db is None else self.pool.draw_background(rng, events)
        if background is None:
            return Composition(events.clips, offsets=tuple(offsets), snr_db=snr_db, layout=layout)
        offsets.append(-int(rng.integers(0, EVENT_SAMPLES)))
        return Composition(events.clips, (background,), tuple(offsets), snr_db, background_db or 0.0, layout)

    def _draw_recorded(self, rng: np.random.Generator) -> Composition:
        """Draw a clip as recorded.

        A labelled clip is rotated and mixed with another of its class, so that the caption stays true. A captioned
        clip stays unchanged, because its caption may describe an order.
        """
        index = self.recorded[rng.integers(len(self.recorded))]
        label = self.bank.labels[index]
        if not label:
            return Composition((index,))
        background = int(rng.choice(self.bank.by_class[label]))
        offsets = tuple((-rng.integers(0, EVENT_SAMPLES, 2)).tolist())
        background_db = float(rng.uniform(*BACKGROUND_DB_OF_SINGLES))
        return Composition((index,), (background,), offsets, background_db=background_db)


def _draw_caption(rng: np.random.Generator, clip: Clip) -> str:
    captions = [caption for caption in clip.captions if as_clause(caption)]
    return captions[rng.integers(len(captions))]


Statement = tuple[str, tuple[int, ...], Caption]  # variant and order of a composition, and what is said of it


def _draw_stage_a(rng: np.random.Generator, keys: tuple[str, ...]) -> list[Statement]:
    """Draw the statements of stage A: the first event alone, and captions of one composition of all events."""
    several, (x, y) = str(rng.choice(VARIANTS[1:])), keys[:2]
    both = (x, y) if rng.random() < 0.5 else (y, x)
    return [
        ("single", (), Caption("single", (x,))),
        (several, (), Caption("and", both)),
        *((several, (), Caption("single", (key,))) for key in keys),
    ]


def _draw_stage_b(rng: np.random.Generator, keys: tuple[str, ...]) -> list[Statement]:
    """Draw the statements of stage B: each variant once, and of three or four events also the neighbouring orders.

    Neighbours of the forward order differ from it by one swap of two adjacent events; they are the hard negatives.
    """
    x, y = keys[:2]
    forward, backward = Caption("then", keys), Caption("then", keys[::-1])
    if len(keys) == 2:
        forward = Caption("before", (x, y)) if rng.random() < 0.5 else Caption("after", (y, x))
        backward = Caption("before", (y, x)) if rng.random() < 0.5 else Caption("after", (x, y))
    statements: list[Statement] = [
        ("single", (), Caption("single", (x,))),
        ("forward", (), forward),
        ("reversed", (), backward),
        ("overlay", (), Caption("while", (x, y) if rng.random() < 0.5 else (y, x))),
    ]
    for first in range(len(keys) - 1 if len(keys) > 2 else 0):
        order = [*range(len(keys))]
        order[first], order[first + 1] = order[first + 1], order[first]
        statements.append(("forward", tuple(order), Caption("then", tuple(keys[event] for event in order))))
    return statements
