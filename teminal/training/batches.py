"""Training batches, composed on the fly; a batch depends on the seed, the stage and the step alone."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import Dataset

from modeling_teminal import TeminalFeatureExtractor
from teminal.rendering import SAMPLING_RATE, render_group
from teminal.scenes import VARIANTS, Scene, true_captions
from teminal.training.augment import N_RANDOM, augment
from teminal.training.config import STAGES, StageConfig
from teminal.training.draw import Audio, Drawer, Pair, Replay
from teminal.training.sounds import Sounds, from_offset, read_sounds

CPU = torch.device("cpu")


class Truth:
    """`group`, `variant` (N,) long, and `holds` for any rows of N pairs; memory linear in N."""

    def __init__(self, pairs: list[Pair]):
        self.group = torch.tensor([pair.group for pair in pairs])
        self.variant = torch.tensor([VARIANTS.index(pair.audio.variant or "single") for pair in pairs])
        scenes = {scene: i for i, scene in enumerate(dict.fromkeys(pair.scene for pair in pairs))}
        captions = {caption: i for i, caption in enumerate(dict.fromkeys(pair.caption for pair in pairs))}
        self.scene = [scenes[pair.scene] for pair in pairs]
        self.caption = torch.tensor([captions[pair.caption] for pair in pairs])
        self.n_captions = len(captions)
        self.true_captions = true_captions(list(captions), list(scenes))

    def holds(self, rows: slice = slice(None)) -> torch.Tensor:
        """(rows, N) bool: whether caption m is true of audio n."""
        scenes = self.scene[rows]
        distinct = {scene: row for row, scene in enumerate(dict.fromkeys(scenes))}
        table = torch.zeros(len(distinct), self.n_captions, dtype=torch.bool)
        for scene, row in distinct.items():
            table[row, self.true_captions[scene]] = True
        return table[[distinct[scene] for scene in scenes]][:, self.caption]


@dataclass
class Batch:
    """What one process needs of a batch.

    This process's own: augmented `features` (audios, then replayed clips), `audio_rows` (index into them) and
    `texts`, one per pair; `candidates` (captions) with the right one of each replayed clip in `replay_targets` and,
    for the event loss, `event_holds` (audios, candidates), which of them are true of the others; and the names of all
    `clips`. Of all processes, rank after rank: `truth`, in which this
    process's pairs are those from `first_pair` on.

    Of a batch for an accelerator there are `sounds` and `masks` until [`on_device`] makes its features of them.
    """

    features: torch.Tensor | None
    sounds: list[Sounds]
    masks: torch.Tensor
    audio_rows: torch.Tensor
    texts: list[str]
    candidates: list[str]
    replay_targets: torch.Tensor
    event_holds: torch.Tensor
    clips: list[str]
    truth: Truth
    first_pair: int

    @property
    def nbytes(self) -> int:
        """Of what is large: features, or sounds to make them of."""
        features = 0 if self.features is None else self.features.nbytes
        return features + self.masks.nbytes + sum(sounds.pairs.nbytes for sounds in self.sounds)

    def pin_memory(self) -> "Batch":
        return replace(self, sounds=[sounds.pin_memory() for sounds in self.sounds])


class BatchComposer(Dataset):
    """`composer[step]` is the batch of a step of one stage, for training on `device`.

    For a CPU it has its features, composed in NumPy, which is faster there; for CUDA the sounds to make them of.
    """

    def __init__(
        self,
        drawer: Drawer,
        extractor: TeminalFeatureExtractor,
        stage: str,
        settings: StageConfig,
        seed: int,
        rank: int = 0,
        n_ranks: int = 1,
        device: torch.device = CPU,
    ):
        self.drawer, self.extractor, self.stage, self.settings, self.seed = drawer, extractor, stage, settings, seed
        self.rank, self.n_ranks = rank, n_ranks
        self.renders = device.type != "cuda"

    def __len__(self) -> int:
        return self.settings.max_train_steps

    def draw(self, rng: np.random.Generator, n_groups: int) -> list[list[Pair]]:
        return [self.drawer.group(self.stage, rng, number) for number in range(n_groups)]

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, STAGES.index(self.stage), step])
        n_groups, n_replay = self.settings.per_device_train_batch_size, self.settings.replay_batch_size
        groups = self.draw(rng, n_groups * self.n_ranks)
        replays = [self.drawer.replay(rng) for _ in range(n_replay * self.n_ranks)]
        group_audios = [list(dict.fromkeys(pair.audio for pair in group)) for group in groups]
        group_masks = [rng.random((len(audios), N_RANDOM), dtype=np.float32) for audios in group_audios]
        replay_masks = rng.random((len(replays), N_RANDOM), dtype=np.float32)

        own = slice(self.rank * n_groups, (self.rank + 1) * n_groups)
        own_replay = slice(self.rank * n_replay, (self.rank + 1) * n_replay)
        audios = [audio for group in group_audios[own] for audio in group]
        scene_of = {pair.audio: pair.scene for group in groups[own] for pair in group}
        rows = {audio: row for row, audio in enumerate(audios)}
        event_holds = self._event_holds([scene_of[audio] for audio in audios])
        audios += [replay.audio for replay in replays[own_replay]]
        masks = torch.from_numpy(np.concatenate([*group_masks[own], replay_masks[own_replay]]))
        candidates = self._candidates(replays)
        keys = list(candidates)
        clips = self.drawer.bank.clips
        return Batch(
            features=augment(self._features(audios), masks) if self.renders else None,
            sounds=[] if self.renders else read_sounds(audios, self.drawer.bank),
            masks=masks,
            audio_rows=torch.tensor([rows[pair.audio] for group in groups[own] for pair in group]),
            texts=[pair.text for group in groups[own] for pair in group],
            candidates=list(candidates.values()),
            replay_targets=torch.tensor([keys.index(replay.key) for replay in replays[own_replay]]).long(),
            event_holds=event_holds,
            clips=[clips[index].name for index in dict.fromkeys(i for audio in audios for i in audio.clips)],
            truth=Truth([pair for group in groups for pair in group]),
            first_pair=sum(len(group) for group in groups[: own.start]),
        )

    def _candidates(self, replays: list[Replay]) -> dict[str, str]:
        """Key -> caption, one of each: all class captions; of captioned clips, those of the whole batch and what they
        become when swapped. So none but its target is true of a replayed clip."""
        if not replays and not self.settings.event_weight:
            return {}
        if self.drawer.class_captions:
            return {caption: caption for caption in self.drawer.class_captions}
        swapped = dict(replay.swapped for replay in replays if replay.swapped)
        return swapped | {replay.key: replay.text for replay in replays}

    def _event_holds(self, scenes: list[Scene]) -> torch.Tensor:
        """(scenes, classes) bool: whether a class is among the events."""
        if not self.settings.event_weight:
            return torch.empty(0, 0, dtype=torch.bool)
        return torch.tensor([[label in scene.labels for label in self.drawer.bank.classes] for scene in scenes])

    def _features(self, audios: list[Audio]) -> torch.Tensor:
        """(audios, channels, frames, mel bins); rendered a group at a time, so that waveforms stay in the cache."""
        features = []
        for _, group in itertools.groupby(audios, key=lambda audio: (audio.clips, audio.offsets)):
            waveforms = self._render(list(group))
            features.append(self.extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"])
        return torch.cat(features)

    def _render(self, audios: list[Audio]) -> list[np.ndarray]:
        """(samples,) fp32 of each of some audios of the same clips, whose events start at `offsets` of their loops."""
        first, bank = audios[0], self.drawer.bank
        sounds = bank.raw if first.variant is None else bank.loops
        x, y = (from_offset(sounds[clip], offset) for clip, offset in zip(first.clips, first.offsets, strict=True))
        if first.variant is None:
            background = y * np.float32(np.linalg.norm(x) / np.linalg.norm(y) * 10 ** (-first.snr_db / 20))
            return [x + background] * len(audios)
        variants = render_group(x, y, snr_db=first.snr_db)
        return [variants[audio.variant] for audio in audios]


def on_device(batch: Batch, extractor: TeminalFeatureExtractor, device: torch.device) -> Batch:
    """The batch with its features, made on `device` where it has none yet."""
    if batch.features is not None:
        return batch
    features = torch.cat([sounds.features(extractor, device) for sounds in batch.sounds])
    return replace(batch, features=augment(features, batch.masks.to(device)), sounds=[])
