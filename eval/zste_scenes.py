"""The scenes and candidate captions of each ZSTE sub-task, from the clips of a bank."""

from dataclasses import dataclass

import numpy as np

from dataset_scripts.bank import ClipBank
from dataset_scripts.captions import say
from dataset_scripts.compose import EVENT_S, EVENT_SAMPLES, OVERLAY_SNR_DB, render_group
from dataset_scripts.scenes import VARIANTS, Caption, holds, split_pairs, variant_scene


@dataclass(frozen=True)
class AudioSpec:
    """What to render: `kind` is "clip" (as recorded), "onset" (in silence) or a variant; `clips` index the bank."""

    kind: str
    clips: tuple[int, ...]
    onset_s: float = 0.0
    snr_db: float = 0.0


@dataclass(frozen=True)
class Example:
    """One question: which `candidates` (captions) are true of the audio? `right` are their indices."""

    task: str
    audio: AudioSpec
    candidates: tuple[str, ...]
    right: tuple[int, ...]
    group: str


@dataclass(frozen=True)
class PairGroup:
    """Two clips of different classes with everything random about their scenes already drawn."""

    clips: tuple[int, int]
    labels: tuple[str, str]
    snr_db: float
    group: str
    mixed_variant: str

    def audio(self, variant: str) -> AudioSpec:
        return AudioSpec(variant, self.clips, snr_db=self.snr_db)


def _order_candidates(x, y):
    return {
        "3A": [Caption("before", (x, y)), Caption("before", (y, x))],
        "3B": [Caption("after", (y, x)), Caption("after", (x, y))],
        "3C": [Caption("before", (x, y)), Caption("before", (y, x)), Caption("while", (x, y))],
        "3D": [
            Caption("before", (x, y)),
            Caption("before", (y, x)),
            Caption("after", (x, y)),
            Caption("after", (y, x)),
        ],
    }


def clip_examples(bank: ClipBank, clips: np.ndarray, onsets_s: np.ndarray) -> list[Example]:
    """Tasks 1A and 1B: one clip against every class."""
    candidates = tuple(say(Caption("single", (label,))) for label in bank.classes)
    examples = []
    for clip, onset_s in zip(clips.tolist(), onsets_s.tolist(), strict=True):
        right = (bank.classes.index(bank.labels[clip]),)
        examples.append(Example("1A", AudioSpec("clip", (clip,)), candidates, right, ""))
        examples.append(Example("1B", AudioSpec("onset", (clip,), onset_s=onset_s), candidates, right, ""))
    return examples


def pair_examples(bank: ClipBank, pair: PairGroup) -> list[Example]:
    """Tasks 2 and 3 of one composition group."""
    classes = tuple(say(Caption("single", (label,))) for label in bank.classes)
    both = tuple(bank.classes.index(label) for label in pair.labels)
    examples = [
        Example(task, pair.audio(variant), classes, both, pair.group)
        for task, variant in (("2A", "overlay"), ("2B", "overlay"), ("2C", "forward"), ("2D", "forward"))
    ]
    for task, captions in _order_candidates(*pair.labels).items():
        variant = pair.mixed_variant if task == "3C" else "forward"
        scene = variant_scene(variant, *pair.labels)
        right = tuple(i for i, caption in enumerate(captions) if holds(caption, scene))
        examples.append(Example(task, pair.audio(variant), tuple(map(say, captions)), right, pair.group))
    return examples


def build_examples(bank: ClipBank, n_scenes: int, seed: int) -> list[Example]:
    """All examples of tasks 1, 2 and 3.

    Args:
        bank: test clips alone.
        n_scenes: composition groups; task 1 takes as many clips, or all if there are fewer.
        seed: of everything that is drawn.
    """
    if n_scenes < 1:
        raise ValueError(f"--n_scenes {n_scenes}: at least 1 is needed")
    rng = np.random.default_rng([seed, 7])
    clips = np.sort(rng.permutation(len(bank.clips))[:n_scenes])
    examples = clip_examples(bank, clips, rng.uniform(0, EVENT_S, len(clips)))

    _, unseen = split_pairs(bank.classes)
    unseen = set(unseen)
    for i in range(n_scenes):
        x, y = (str(label) for label in rng.choice(bank.classes, 2, replace=False))
        pair = PairGroup(
            clips=(int(rng.choice(bank.by_class[x])), int(rng.choice(bank.by_class[y]))),
            labels=(x, y),
            snr_db=float(rng.uniform(*OVERLAY_SNR_DB)),
            group="unseen" if tuple(sorted((x, y))) in unseen else "seen",
            mixed_variant=VARIANTS[1 + i % 3],
        )
        examples.extend(pair_examples(bank, pair))
    return examples


def render(bank: ClipBank, spec: AudioSpec) -> np.ndarray:
    """Waveform (samples,) fp32 of one audio: 5 s as recorded for "clip", 10 s else."""
    if spec.kind in ("clip", "onset"):
        clip = bank.raw[spec.clips[0]].astype(np.float32)
        if spec.kind == "clip":
            return clip
        onset = int(spec.onset_s / EVENT_S * EVENT_SAMPLES)
        return np.pad(clip, (onset, EVENT_SAMPLES - onset))
    x, y = (bank.loops[clip].astype(np.float32) for clip in spec.clips)
    return render_group(x, y, snr_db=spec.snr_db)[spec.kind]
