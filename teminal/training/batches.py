"""Compose training batches on the fly, each from the seed, the stage and the step alone."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.utils.data import Dataset

from modeling_teminal import TeminalFeatureExtractor
from teminal.features import ClipFeatures, compute_features
from teminal.rendering import render
from teminal.sampling.layouts import SceneMix
from teminal.sampling.training import Pair, Replay, TrainingSampler
from teminal.scenes import VARIANTS, background_captions, in_groups, true_captions
from teminal.training.augment import N_RANDOM, augment
from teminal.training.stages import STAGES, StageConfig
from teminal.training.unrendered import Unrendered

CPU = torch.device("cpu")


class Truth:
    """Ground truth of N pairs: which captions are true of which compositions, in memory linear in N.

    Attributes:
        group: (N,) long, index of each pair's group in the batch.
        variant: (N,) long, index of its variant in `VARIANTS`; 0 for single sounds, 2 for any order but forward.
    """

    def __init__(self, pairs: list[Pair]):
        variants = ["reversed" if pair.composition.order else pair.composition.variant for pair in pairs]
        self.group = torch.tensor([pair.group for pair in pairs])
        self.variant = torch.tensor([VARIANTS.index(variant) if variant in VARIANTS else 0 for variant in variants])
        scenes = {scene: i for i, scene in enumerate(dict.fromkeys(pair.scene for pair in pairs))}
        captions = {caption: i for i, caption in enumerate(dict.fromkeys(pair.caption for pair in pairs))}
        self.scene = [scenes[pair.scene] for pair in pairs]
        self.caption = torch.tensor([captions[pair.caption] for pair in pairs])
        self.n_captions = len(captions)
        self.true_captions = true_captions(list(captions), list(scenes))
        self.background_captions = background_captions(list(captions), list(scenes))

    def holds(self, rows: slice = slice(None)) -> torch.Tensor:
        """Tell for each composition of `rows` which captions are no negatives, (rows, N) bool.

        These are the captions that are true of it, and those that name its background.
        """
        scenes = self.scene[rows]
        distinct = {scene: row for row, scene in enumerate(dict.fromkeys(scenes))}
        table = torch.zeros(len(distinct), self.n_captions, dtype=torch.bool)
        for scene, row in distinct.items():
            table[row, self.true_captions[scene] + self.background_captions[scene]] = True
        return table[[distinct[scene] for scene in scenes]][:, self.caption]


def find_named(pairs: list[Pair], classes: list[str]) -> torch.Tensor:
    """Tell for each pair which classes its caption names, (P, C) bool."""
    return torch.tensor([[label in pair.caption.labels for label in classes] for pair in pairs], dtype=torch.bool)


@dataclass
class Batch:
    """The share of one process in a batch: P pairs, A compositions, R replayed clips, C candidate captions.

    Attributes:
        features: augmented, of A compositions and R replayed clips; on CUDA `None` until [`on_device`] renders
            `unrendered`.
        unrendered: inputs of the rendering, on CUDA only.
        masks: (A + R, N_RANDOM) random numbers of the augmentation.
        audio_rows: (P,) long, row of each pair's composition in `features`.
        texts: P captions, one per pair.
        candidates: C captions to classify audio by; exactly one is true of each replayed clip.
        replay_targets: (R,) long, index of the true candidate.
        event_holds: (A, C) bool, which candidates are true of each composition, for the event loss.
        backgrounds: (A, C) bool, which candidate names the background of each composition.
        named: (P, C) bool, which candidates name a class that the caption names, for the naming loss.
        clips: names of all clips in the batch.
        truth: of the pairs of all processes, in the order of their ranks.
        n_pairs: pairs of each process, in the order of their ranks.
        first_pair: index of this process's first pair in `truth`.
        pair_weight, audio_weight: pairs and compositions of this process over their mean in all processes.
    """

    features: ClipFeatures | None
    unrendered: Unrendered | None
    masks: torch.Tensor
    audio_rows: torch.Tensor
    texts: list[str]
    candidates: list[str]
    replay_targets: torch.Tensor
    event_holds: torch.Tensor
    backgrounds: torch.Tensor
    named: torch.Tensor
    clips: list[str]
    truth: Truth
    n_pairs: list[int]
    first_pair: int
    pair_weight: float
    audio_weight: float

    @property
    def nbytes(self) -> int:
        """Size in bytes of the large tensors."""
        return self.masks.nbytes + sum(part.nbytes for part in (self.features, self.unrendered) if part is not None)

    def pin_memory(self) -> "Batch":
        """Pin the tensors that go to the GPU; called by DataLoader."""
        return replace(self, unrendered=self.unrendered and self.unrendered.pin_memory())


class BatchComposer(Dataset):
    """Dataset of one stage: `composer[step]` is this process's share of the batch.

    Features are rendered here with NumPy for a CPU, and later by [`on_device`] for CUDA.
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

    def draw_groups(self, rng: np.random.Generator, n_groups: int) -> list[list[Pair]]:
        """Draw the pairs of each of `n_groups` groups."""
        settings = self.settings
        mix = SceneMix(settings.max_events, settings.free_layout_share, settings.max_duration_s)
        return [self.sampler.draw_pairs(self.stage, rng, number, mix) for number in range(n_groups)]

    def __getitem__(self, step: int) -> Batch:
        # 1. Draw the batch of all processes, so that it does not depend on their number.
        rng = np.random.default_rng([self.seed, STAGES.index(self.stage), step])
        n_groups, n_replays = self.settings.per_device_train_batch_size, self.settings.replay_batch_size
        groups = self.draw_groups(rng, n_groups * self.n_ranks)
        replays = [self.sampler.draw_replay(rng) for _ in range(n_replays * self.n_ranks)]
        scenes = [{pair.composition: pair.scene for pair in group} for group in groups]  # each composition once
        group_masks = [rng.random((len(group_scenes), N_RANDOM), dtype=np.float32) for group_scenes in scenes]
        replay_masks = rng.random((len(replays), N_RANDOM), dtype=np.float32)
        candidates = self._choose_candidates(replays)

        # 2. Take this process's share.
        own = slice(self.rank * n_groups, (self.rank + 1) * n_groups)
        own_replays = slice(self.rank * n_replays, (self.rank + 1) * n_replays)
        own_pairs = [pair for group in groups[own] for pair in group]
        n_pairs = [sum(map(len, groups[first : first + n_groups])) for first in range(0, len(groups), n_groups)]
        own_scenes = [item for group_scenes in scenes[own] for item in group_scenes.items()]
        compositions = [composition for composition, _ in own_scenes]
        row_of = {composition: row for row, composition in enumerate(compositions)}
        audios = compositions + [replay.composition for replay in replays[own_replays]]
        masks = torch.from_numpy(np.concatenate([*group_masks[own], replay_masks[own_replays]]))

        # 3. Label compositions with their classes, and replayed clips with their captions.
        classes = self.sampler.bank.classes if self.settings.needs_classes else []
        event_holds = [[label in scene.labels for label in classes] for _, scene in own_scenes]
        backgrounds = [[label == scene.background for label in classes] for _, scene in own_scenes]
        keys = list(candidates)
        targets = [keys.index(replay.key) for replay in replays[own_replays]]
        clips = dict.fromkeys(clip for composition in audios for clip in composition.all_clips)

        # 4. Render features, or read the recordings that the GPU renders.
        bank, features = self.sampler.bank, None
        if self.renders:  # group by group, so that waveforms stay in the cache
            waveforms = (list(render(group, bank.loops, bank.raw)) for group in in_groups(audios))
            features = augment(compute_features(self.extractor, waveforms), masks)
        return Batch(
            features=features,
            unrendered=None if self.renders else Unrendered.read(audios, bank.loops, bank.raw),
            masks=masks,
            audio_rows=torch.tensor([row_of[pair.composition] for pair in own_pairs]),
            texts=[pair.text for pair in own_pairs],
            candidates=list(candidates.values()),
            replay_targets=torch.tensor(targets, dtype=torch.long),
            event_holds=torch.tensor(event_holds, dtype=torch.bool),
            backgrounds=torch.tensor(backgrounds, dtype=torch.bool),
            named=find_named(own_pairs, classes),
            clips=[bank.clips[clip].name for clip in clips],
            truth=Truth([pair for group in groups for pair in group]),
            n_pairs=n_pairs,
            first_pair=sum(n_pairs[: self.rank]),
            pair_weight=len(own_pairs) * self.n_ranks / sum(n_pairs),
            audio_weight=len(own_scenes) * self.n_ranks / sum(map(len, scenes)),
        )

    def _choose_candidates(self, replays: list[Replay]) -> dict[str, str]:
        """Map keys to candidate captions, of which one is true of each replayed clip.

        With classes, these are all class captions; else the captions of the batch, and their swapped versions.
        """
        if not replays and not self.settings.needs_classes:
            return {}
        if self.sampler.class_captions:
            return {caption: caption for caption in self.sampler.class_captions}
        swapped = dict(replay.swapped for replay in replays if replay.swapped)
        return swapped | {replay.key: replay.text for replay in replays}


def on_device(batch: Batch, extractor: TeminalFeatureExtractor, device: torch.device) -> Batch:
    """Return the batch with its features, which are rendered on `device` if it has none yet."""
    if batch.unrendered is None:
        return batch
    features = compute_features(extractor, batch.unrendered.render(device))
    return replace(batch, features=augment(features, batch.masks.to(device)), unrendered=None)
