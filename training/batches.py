"""Training batches, composed on the fly; a batch depends on the seed, the stage and the step alone."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch

from dataset_scripts.bank import ClipBank
from dataset_scripts.captions import say_for_training
from dataset_scripts.compose import EVENT_SAMPLES, OVERLAY_SNR_DB, SAMPLING_RATE, render_group
from dataset_scripts.scenes import VARIANTS, Caption, Scene, holds_matrix, split_pairs, variant_scene
from modeling_teminal import TeminalFeatureExtractor
from training.augment import N_RANDOM, augment
from training.recipe import STAGES, StageSettings

BACKGROUND_SNR_DB = (3.0, 30.0)


@dataclass(frozen=True)
class Audio:
    """What to render: a variant of two clips' composition group, or (`variant` None) the first clip as recorded with
    the second as background; `snr_db` is the level of the first over the second."""

    clips: tuple[int, int]
    variant: str | None
    offsets: tuple[int, int]
    snr_db: float


@dataclass(frozen=True)
class Pair:
    """One row of the loss: an audio and something true of it."""

    audio: Audio
    scene: Scene
    caption: Caption
    group: int


@dataclass
class Batch:
    """What one process needs of a batch.

    This process's own: augmented `features` (audios, then replayed clips), `audio_rows` (index into them) and
    `texts`, one per pair, and `replay_class`. Of all processes, rank after rank: `truth`.
    """

    features: torch.Tensor
    audio_rows: torch.Tensor
    texts: list[str]
    replay_class: torch.Tensor
    truth: dict[str, torch.Tensor]


def pair_truth(pairs: list[Pair]) -> dict[str, torch.Tensor]:
    """The keyword arguments `group`, `variant` (N,) and `holds` (N, N) of the losses."""
    return {
        "group": torch.tensor([pair.group for pair in pairs]),
        "variant": torch.tensor([VARIANTS.index(pair.audio.variant or "single") for pair in pairs]),
        "holds": torch.from_numpy(holds_matrix([pair.caption for pair in pairs], [pair.scene for pair in pairs])),
    }


class BatchComposer:
    """`composer(step)` is the batch of a step of one stage."""

    def __init__(
        self,
        bank: ClipBank,
        extractor: TeminalFeatureExtractor,
        stage: str,
        settings: StageSettings,
        seed: int,
        rank: int = 0,
        n_ranks: int = 1,
    ):
        self.bank, self.extractor, self.stage, self.settings, self.seed = bank, extractor, stage, settings, seed
        self.rank, self.n_ranks = rank, n_ranks
        self.pairs, _ = split_pairs(bank.classes)
        self.class_row = [bank.classes.index(label) for label in bank.labels]
        self.draw_group = {"pretrain": self._clip, "A": self._one_against_several, "B": self._before_after_while}[
            stage
        ]

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, STAGES.index(self.stage), step])
        n_groups = self.settings.per_device_train_batch_size
        groups = [self.draw_group(rng, group) for group in range(n_groups * self.n_ranks)]
        texts = [[say_for_training(pair.caption, rng) for pair in group] for group in groups]
        n_replay = self.settings.replay_batch_size
        replayed = [self._draw_clip(rng) for _ in range(n_replay * self.n_ranks)]
        group_audios = [list(dict.fromkeys(pair.audio for pair in group)) for group in groups]
        group_masks = [rng.random((len(audios), N_RANDOM), dtype=np.float32) for audios in group_audios]
        replay_masks = rng.random((len(replayed), N_RANDOM), dtype=np.float32)

        own = slice(self.rank * n_groups, (self.rank + 1) * n_groups)
        own_replay = slice(self.rank * n_replay, (self.rank + 1) * n_replay)
        audios = [audio for group in group_audios[own] for audio in group]
        rows = {audio: row for row, audio in enumerate(audios)}
        masks = np.concatenate([*group_masks[own], replay_masks[own_replay]])
        return Batch(
            features=augment(self._features(audios + replayed[own_replay]), torch.from_numpy(masks)),
            audio_rows=torch.tensor([rows[pair.audio] for group in groups[own] for pair in group]),
            texts=[text for group in texts[own] for text in group],
            replay_class=torch.tensor([self.class_row[audio.clips[0]] for audio in replayed[own_replay]]).long(),
            truth=pair_truth([pair for group in groups for pair in group]),
        )

    def _clip(self, rng, group):
        """Pretraining: one clip and its class."""
        audio = self._draw_clip(rng)
        label = self.bank.labels[audio.clips[0]]
        return [Pair(audio, Scene("single", (label,)), Caption("single", (label,)), group)]

    def _one_against_several(self, rng, group):
        """Stage A: one sound, and one composition of two with all that stage A says of it."""
        (x, y), audio = self._draw_pair(rng)
        several = str(rng.choice(VARIANTS[1:]))
        scene = variant_scene(several, x, y)
        both = (x, y) if rng.random() < 0.5 else (y, x)
        captions = [Caption("and", both), Caption("single", (x,)), Caption("single", (y,))]
        one = Pair(audio("single"), variant_scene("single", x, y), Caption("single", (x,)), group)
        return [one, *(Pair(audio(several), scene, caption, group) for caption in captions)]

    def _before_after_while(self, rng, group):
        """Stage B: all four variants; `after` in both argument orders, for it is said of forward and of reversed."""
        (x, y), audio = self._draw_pair(rng)
        captions = {
            "single": Caption("single", (x,)),
            "forward": Caption("before", (x, y)) if rng.random() < 0.5 else Caption("after", (y, x)),
            "reversed": Caption("before", (y, x)) if rng.random() < 0.5 else Caption("after", (x, y)),
            "overlay": Caption("while", (x, y) if rng.random() < 0.5 else (y, x)),
        }
        return [Pair(audio(v), variant_scene(v, x, y), caption, group) for v, caption in captions.items()]

    def _draw_clip(self, rng):
        """A random clip as recorded over another of its class, so that nothing unsaid can be heard."""
        clip = int(rng.integers(len(self.bank.clips)))
        clips = (clip, int(rng.choice(self.bank.by_class[self.bank.labels[clip]])))
        offsets = tuple(rng.integers(0, EVENT_SAMPLES, 2).tolist())
        return Audio(clips, None, offsets, float(rng.uniform(*BACKGROUND_SNR_DB)))

    def _draw_pair(self, rng):
        """Two classes in random order, and the audio of each variant from one random clip of each."""
        pair = self.pairs[rng.integers(len(self.pairs))]
        x, y = pair if rng.random() < 0.5 else pair[::-1]
        clips = tuple(int(rng.choice(self.bank.by_class[label])) for label in (x, y))
        offsets = tuple(rng.integers(0, EVENT_SAMPLES, 2).tolist())
        snr_db = float(rng.uniform(*OVERLAY_SNR_DB))
        return (x, y), lambda variant: Audio(clips, variant, offsets, snr_db)

    def _features(self, audios: list[Audio]) -> torch.Tensor:
        """(audios, channels, frames, mel bins); rendered a group at a time, so that waveforms stay in the cache."""
        features = []
        for _, group in itertools.groupby(audios, key=lambda audio: (audio.clips, audio.offsets)):
            waveforms = self._render(list(group))
            features.append(self.extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"])
        return torch.cat(features)

    def _render(self, audios: list[Audio]) -> list[np.ndarray]:
        """(samples,) fp32 of each of some audios of the same clips, whose events start at `offsets` of their loops."""
        first = audios[0]
        sounds = self.bank.raw if first.variant is None else self.bank.loops
        x, y = (
            np.roll(sounds[clip], offset).astype(np.float32)
            for clip, offset in zip(first.clips, first.offsets, strict=True)
        )
        if first.variant is None:
            return [x + y * np.float32(np.linalg.norm(x) / np.linalg.norm(y) * 10 ** (-first.snr_db / 20))]
        variants = render_group(x, y, snr_db=first.snr_db)
        return [variants[audio.variant] for audio in audios]
