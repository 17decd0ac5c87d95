"""Draw the training data: pairs of compositions and captions, and recorded clips for replay."""

from dataclasses import dataclass, replace

import numpy as np

from teminal.captions import as_clause, as_sentence, say
from teminal.clips import Clip, ClipBank
from teminal.language import meaning, swap_order
from teminal.rendering import EVENT_SAMPLES, OVERLAY_SNR_DB
from teminal.sampling.pools import LabelledPool, make_pool
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
    """

    def __init__(self, bank: ClipBank):
        self.bank = bank
        clips = [replace(clip, fold=None) for clip in bank.clips]  # events of a scene may come from different folds
        self.pool = make_pool(clips, range(len(clips)), bank.classes, "train")
        self.keys = self.pool.keys
        self.class_captions = [say(Caption("single", (label,))) for label in bank.classes]
        self.recorded = [i for i, clip in enumerate(bank.clips) if clip.label or any(map(as_clause, clip.captions))]

    def draw_pairs(self, stage: str, rng: np.random.Generator, number: int) -> list[Pair]:
        """Draw the pairs of group `number` of a batch, from one composition group or (pretrain) one recorded clip."""
        if stage == "pretrain":
            composition = self._draw_recorded(rng)
            clip, key = self.bank.clips[composition.clips[0]], self.keys[composition.clips[0]]
            text = self.pool.say(rng, "single", (clip.label or _draw_caption(rng, clip),))
            return [Pair(composition, Scene("single", (key,)), Caption("single", (key,)), text, number)]
        events = self.pool.draw(rng, 2)
        x, y = (self.keys[clip] for clip in events.clips)
        label_of = dict(zip((x, y), events.labels, strict=True))
        offsets = tuple((-rng.integers(0, EVENT_SAMPLES, 2)).tolist())
        composition = Composition(events.clips, offsets=offsets, snr_db=float(rng.uniform(*OVERLAY_SNR_DB)))
        is_stage_a = stage == "A" or (stage == "joint" and number % 2)
        statements = _draw_stage_a(rng, x, y) if is_stage_a else _draw_stage_b(rng, x, y)
        return [
            Pair(
                composition=replace(composition, variant=variant),
                scene=variant_scene(variant, x, y),
                caption=caption,
                text=self.pool.say(rng, caption.relation, tuple(label_of[key] for key in caption.labels)),
                group=number,
            )
            for variant, caption in statements
        ]

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


def _draw_stage_a(rng: np.random.Generator, x: str, y: str) -> list[tuple[str, Caption]]:
    """Draw (variant, caption) for stage A: x alone, and three captions of one composition of x and y."""
    several = str(rng.choice(VARIANTS[1:]))
    both = (x, y) if rng.random() < 0.5 else (y, x)
    return [
        ("single", Caption("single", (x,))),
        (several, Caption("and", both)),
        (several, Caption("single", (x,))),
        (several, Caption("single", (y,))),
    ]


def _draw_stage_b(rng: np.random.Generator, x: str, y: str) -> list[tuple[str, Caption]]:
    """Draw (variant, caption) for stage B: each variant once."""
    return [
        ("single", Caption("single", (x,))),
        ("forward", Caption("before", (x, y)) if rng.random() < 0.5 else Caption("after", (y, x))),
        ("reversed", Caption("before", (y, x)) if rng.random() < 0.5 else Caption("after", (x, y))),
        ("overlay", Caption("while", (x, y) if rng.random() < 0.5 else (y, x))),
    ]
