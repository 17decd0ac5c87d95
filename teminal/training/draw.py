"""What is drawn for training: groups of audio-caption pairs of a stage, and single clips for replay."""

from dataclasses import dataclass, replace

import numpy as np

from teminal.captions import as_clause, as_sentence, say
from teminal.clips import ClipBank
from teminal.language import meaning, swap_order
from teminal.pools import CaptionedPool, LabelledPool
from teminal.rendering import EVENT_SAMPLES, OVERLAY_SNR_DB
from teminal.scenes import VARIANTS, Caption, Scene, variant_scene

BACKGROUND_SNR_DB = (3.0, 30.0)


@dataclass(frozen=True)
class Audio:
    """What to render: a variant of two clips' composition group, or (`variant` None) the first clip as recorded with
    the second as background; `snr_db` is the level of the first over the second, infinite for no second."""

    clips: tuple[int, int]
    variant: str | None
    offsets: tuple[int, int]
    snr_db: float


@dataclass(frozen=True)
class Pair:
    """One row of the loss: an audio and something true of it, with its wording."""

    audio: Audio
    scene: Scene
    caption: Caption
    text: str
    group: int


@dataclass(frozen=True)
class Replay:
    """A single clip as recorded, what is said of it, and a false statement where its caption can be swapped.

    Statements of the same key are true of the same clips.
    """

    audio: Audio
    text: str
    key: str
    swapped: tuple[str, str] | None = None  # key, text


class Drawer:
    """Draws from the clips of a bank; class pairs held out for evaluation never meet.

    What is true is decided by the class of a labelled clip; captioned clips that share a caption are alike.
    """

    def __init__(self, bank: ClipBank):
        self.bank = bank
        indices = list(range(len(bank.clips)))
        if bank.classes:  # in training, the events of a scene may come from different folds
            clips = [replace(clip, fold=None) for clip in bank.clips]
            self.pool = LabelledPool(clips, indices, bank.classes, "train")
            self.keys = bank.labels
            self.class_captions = [say(Caption("single", (label,))) for label in bank.classes]
        else:
            self.pool = CaptionedPool(bank.clips, indices, "train")
            self.keys = self.pool.keys
            self.class_captions = []
        self.recorded = [i for i, clip in enumerate(bank.clips) if clip.label or any(map(as_clause, clip.captions))]

    def group(self, stage: str, rng: np.random.Generator, number: int) -> list[Pair]:
        """The pairs of one composition group (A, B, joint) or clip (pretrain)."""
        if stage == "pretrain":
            return self._one_clip(rng, number)
        if stage == "A" or (stage == "joint" and number % 2):
            return self._one_against_several(rng, number)
        return self._before_after_while(rng, number)

    def replay(self, rng: np.random.Generator) -> Replay:
        audio = self._clip(rng)
        clip = self.bank.clips[audio.clips[0]]
        if clip.label:
            caption = say(Caption("single", (clip.label,)))
            return Replay(audio, caption, caption)
        caption, key = self._caption(rng, clip), self.keys[audio.clips[0]]
        text, swapped = as_sentence(as_clause(caption)), swap_order(caption)
        if not swapped:
            return Replay(audio, text, key)
        words = meaning(swapped)
        false_key = self.pool.key_of.get(words, words)
        false = (false_key, as_sentence(as_clause(swapped))) if false_key != key else None
        return Replay(audio, text, key, false)

    def _one_clip(self, rng, number):
        audio = self._clip(rng)
        clip = self.bank.clips[audio.clips[0]]
        key = self.keys[audio.clips[0]]
        text = self.pool.say(rng, "single", (clip.label or self._caption(rng, clip),))
        return [Pair(audio, Scene("single", (key,)), Caption("single", (key,)), text, number)]

    def _one_against_several(self, rng, number):
        """Stage A: one sound, and one composition of two with all that stage A says of it."""
        (x, y), audio, say_of = self._two(rng)
        several = str(rng.choice(VARIANTS[1:]))
        scene = variant_scene(several, x, y)
        both = (x, y) if rng.random() < 0.5 else (y, x)
        captions = [Caption("and", both), Caption("single", (x,)), Caption("single", (y,))]
        one, said = Caption("single", (x,)), [(several, scene, caption) for caption in captions]
        said = [("single", variant_scene("single", x, y), one), *said]
        return [Pair(audio(variant), of, caption, say_of(caption), number) for variant, of, caption in said]

    def _before_after_while(self, rng, number):
        """Stage B: all four variants; `after` in both argument orders, for it is said of forward and of reversed."""
        (x, y), audio, say_of = self._two(rng)
        captions = {
            "single": Caption("single", (x,)),
            "forward": Caption("before", (x, y)) if rng.random() < 0.5 else Caption("after", (y, x)),
            "reversed": Caption("before", (y, x)) if rng.random() < 0.5 else Caption("after", (x, y)),
            "overlay": Caption("while", (x, y) if rng.random() < 0.5 else (y, x)),
        }
        return [
            Pair(audio(variant), variant_scene(variant, x, y), caption, say_of(caption), number)
            for variant, caption in captions.items()
        ]

    def _two(self, rng):
        """Two events in random order: their keys, the audio of each variant, and the wording of a caption."""
        _, clips, said, _ = self.pool.draw(rng, 2)
        keys = [self.keys[clip] for clip in clips]
        said = dict(zip(keys, said, strict=True))
        offsets = tuple(rng.integers(0, EVENT_SAMPLES, 2).tolist())
        snr_db = float(rng.uniform(*OVERLAY_SNR_DB))

        def audio(variant: str) -> Audio:
            return Audio(tuple(clips), variant, offsets, snr_db)

        def say_of(caption: Caption) -> str:
            return self.pool.say(rng, caption.relation, tuple(said[key] for key in caption.labels))

        return keys, audio, say_of

    def _caption(self, rng, clip):
        captions = [caption for caption in clip.captions if as_clause(caption)]
        return captions[rng.integers(len(captions))]

    def _clip(self, rng):
        """A random clip as recorded: from any moment on and over another of its class, so that nothing unsaid can be
        heard; a captioned one from its start and alone, for its caption may say what comes first."""
        clip = self.recorded[rng.integers(len(self.recorded))]
        label = self.bank.labels[clip]
        if not label:
            return Audio((clip, clip), None, (0, 0), np.inf)
        background = int(rng.choice(self.bank.by_class[label]))
        offsets = tuple(rng.integers(0, EVENT_SAMPLES, 2).tolist())
        return Audio((clip, background), None, offsets, float(rng.uniform(*BACKGROUND_SNR_DB)))
