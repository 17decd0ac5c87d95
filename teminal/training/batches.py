"""Training batches, composed on the fly; a batch depends on the seed, the stage and the step alone."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import Dataset

from modeling_teminal import TeminalFeatureExtractor
from teminal.rendering import SAMPLING_RATE, render
from teminal.rendering_torch import Unrendered
from teminal.sampling.training import Pair, Replay, TrainingSampler
from teminal.scenes import VARIANTS, Composition, in_groups, true_captions
from teminal.training.augment import N_RANDOM, augment
from teminal.training.config import STAGES, StageConfig

CPU = torch.device("cpu")


class Truth:
    """What the loss knows of N pairs, in memory linear in N.

    Attributes:
        group, variant: (N,) long: the number of a pair's group in the batch, and the index of its variant.
    """

    def __init__(self, pairs: list[Pair]):
        variants = [pair.composition.variant for pair in pairs]
        self.group = torch.tensor([pair.group for pair in pairs])
        self.variant = torch.tensor([VARIANTS.index(variant) if variant in VARIANTS else 0 for variant in variants])
        scenes = {scene: i for i, scene in enumerate(dict.fromkeys(pair.scene for pair in pairs))}
        captions = {caption: i for i, caption in enumerate(dict.fromkeys(pair.caption for pair in pairs))}
        self.scene = [scenes[pair.scene] for pair in pairs]
        self.caption = torch.tensor([captions[pair.caption] for pair in pairs])
        self.n_captions = len(captions)
        self.true_captions = true_captions(list(captions), list(scenes))

    def holds(self, rows: slice = slice(None)) -> torch.Tensor:
        """(rows, N) bool: whether caption m is true of composition n."""
        scenes = self.scene[rows]
        distinct = {scene: row for row, scene in enumerate(dict.fromkeys(scenes))}
        table = torch.zeros(len(distinct), self.n_captions, dtype=torch.bool)
        for scene, row in distinct.items():
            table[row, self.true_captions[scene]] = True
        return table[[distinct[scene] for scene in scenes]][:, self.caption]


@dataclass
class Batch:
    """What one process needs of a batch of P pairs of A compositions, R replayed clips and C candidate captions.

    Attributes:
        features: (A + R, channels, frames, mel bins), augmented: compositions, then replayed clips; `None` until
            [`on_device`] makes them of `unrendered`.
        unrendered: what they are made of, for an accelerator alone.
        masks: (A + R, N_RANDOM) in [0, 1), which decide the augmentation.
        audio_rows: (P,) long, the row in `features` that each pair is about.
        texts: P captions, true of what they are paired with.
        candidates: C captions, of which one is true of each replayed clip.
        replay_targets: (R,) long, which one.
        event_holds: (A, C) bool for the event loss, whether a candidate is true of a composition.
        clips: the names of all clips in it.
        truth: of the pairs of all processes, rank after rank.
        first_pair: the first of this process's pairs in `truth`.
    """

    features: torch.Tensor | None
    unrendered: Unrendered | None
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
        """Bytes of what is large: features, or what they are made of."""
        return self.masks.nbytes + sum(part.nbytes for part in (self.features, self.unrendered) if part is not None)

    def pin_memory(self) -> "Batch":
        """Called by a DataLoader that pins memory."""
        return replace(self, unrendered=self.unrendered and self.unrendered.pin_memory())


class BatchComposer(Dataset):
    """`composer[step]` is the batch of a step of one stage, for training on `device`.

    For a CPU it has its features, rendered with NumPy; for CUDA what they are made of there.
    """

    def __init__(
        self,
        sampler: TrainingSampler,
        extractor: TeminalFeatureExtractor,
        stage: str,
        settings: StageConfig,
        seed: int,
        rank: int = 0,
        n_ranks: int = 1,
        device: torch.device = CPU,
    ):
        self.sampler, self.extractor, self.stage, self.settings, self.seed = sampler, extractor, stage, settings, seed
        self.rank, self.n_ranks = rank, n_ranks
        self.renders = device.type != "cuda"

    def __len__(self) -> int:
        return self.settings.max_train_steps

    def draw(self, rng: np.random.Generator, n_groups: int) -> list[list[Pair]]:
        """Draw the pairs of each of `n_groups` groups."""
        return [self.sampler.draw_pairs(self.stage, rng, number) for number in range(n_groups)]

    def __getitem__(self, step: int) -> Batch:
        # 1. Draw what all processes hear, so that a batch does not depend on how many there are.
        rng = np.random.default_rng([self.seed, STAGES.index(self.stage), step])
        n_groups, n_replays = self.settings.per_device_train_batch_size, self.settings.replay_batch_size
        groups = self.draw(rng, n_groups * self.n_ranks)
        replays = [self.sampler.draw_replay(rng) for _ in range(n_replays * self.n_ranks)]
        scenes = [{pair.composition: pair.scene for pair in group} for group in groups]  # each composition once
        group_masks = [rng.random((len(of_group), N_RANDOM), dtype=np.float32) for of_group in scenes]
        replay_masks = rng.random((len(replays), N_RANDOM), dtype=np.float32)
        candidates = self._candidates(replays)

        # 2. Take this process's share.
        own = slice(self.rank * n_groups, (self.rank + 1) * n_groups)
        own_replays = slice(self.rank * n_replays, (self.rank + 1) * n_replays)
        own_pairs = [pair for group in groups[own] for pair in group]
        own_scenes = [item for of_group in scenes[own] for item in of_group.items()]
        compositions = [composition for composition, _ in own_scenes]
        row_of = {composition: row for row, composition in enumerate(compositions)}
        heard = compositions + [replay.composition for replay in replays[own_replays]]
        masks = torch.from_numpy(np.concatenate([*group_masks[own], replay_masks[own_replays]]))

        # 3. Say which caption is true of what.
        classes = self.sampler.bank.classes if self.settings.event_weight else []
        event_holds = [[label in scene.labels for label in classes] for _, scene in own_scenes]
        keys = list(candidates)
        targets = [keys.index(replay.key) for replay in replays[own_replays]]
        clips = dict.fromkeys(clip for composition in heard for clip in composition.clips)

        # 4. Render it, or read what an accelerator renders.
        bank = self.sampler.bank
        return Batch(
            features=augment(self._features(heard), masks) if self.renders else None,
            unrendered=None if self.renders else Unrendered.read(heard, bank.loops, bank.raw),
            masks=masks,
            audio_rows=torch.tensor([row_of[pair.composition] for pair in own_pairs]),
            texts=[pair.text for pair in own_pairs],
            candidates=list(candidates.values()),
            replay_targets=torch.tensor(targets, dtype=torch.long),
            event_holds=torch.tensor(event_holds, dtype=torch.bool),
            clips=[bank.clips[clip].name for clip in clips],
            truth=Truth([pair for group in groups for pair in group]),
            first_pair=sum(len(group) for group in groups[: own.start]),
        )

    def _candidates(self, replays: list[Replay]) -> dict[str, str]:
        """Key -> caption, one of each: all class captions; of captioned clips, those of the whole batch and what they
        become when swapped. So none but its target is true of a replayed clip."""
        if not replays and not self.settings.event_weight:
            return {}
        if self.sampler.class_captions:
            return {caption: caption for caption in self.sampler.class_captions}
        swapped = dict(replay.swapped for replay in replays if replay.swapped)
        return swapped | {replay.key: replay.text for replay in replays}

    def _features(self, compositions: list[Composition]) -> torch.Tensor:
        """(compositions, channels, frames, mel bins); a group at a time, so that waveforms stay in the cache."""
        bank, features = self.sampler.bank, []
        for group in in_groups(compositions):
            waveforms = list(render(group, bank.loops, bank.raw))
            features.append(self.extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"])
        return torch.cat(features)


def on_device(batch: Batch, extractor: TeminalFeatureExtractor, device: torch.device) -> Batch:
    """Return the batch with its features, made on `device` where it has none yet."""
    if batch.unrendered is None:
        return batch
    features = []
    for waveforms in batch.unrendered.render(device):
        features.append(extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"])
    augmented = augment(torch.cat(features), batch.masks.to(device))
    return replace(batch, features=augmented, unrendered=None)
