"""Read the sounds of a batch, and render them later on an accelerator."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from teminal.rendering import EVENT_SAMPLES, SCENE_SAMPLES, Sounds, read_sounds, render, slot_samples
from teminal.rendering_torch import render_groups
from teminal.scenes import VARIANTS, Composition, in_groups

SAMPLES_AT_ONCE = 32 * SCENE_SAMPLES  # 246 MB of waveforms of four variants
RECORDED_AT_ONCE = 128


@dataclass
class Unrendered:
    """Compositions of a batch before rendering: groups of variants, then R recorded clips.

    Attributes:
        groups: the compositions of each group.
        loops: (L, EVENT_SAMPLES) fp16, of each group those of its events, then of its background.
        recorded: (R, samples) fp32 waveforms.
    """

    groups: list[list[Composition]]
    loops: torch.Tensor
    recorded: torch.Tensor

    @classmethod
    def read(cls, compositions: Iterable[Composition], loops: Sounds, raw: Sounds) -> "Unrendered":
        """Read the sounds of compositions, recorded clips last; see [`teminal.rendering.render`]."""
        grouped = in_groups(compositions)
        groups = [group for group in grouped if group[0].variant in VARIANTS]
        recorded = [group[0] for group in grouped if group[0].variant not in VARIANTS]
        sounds: list[np.ndarray] = []
        for first, *_ in groups:
            sounds += read_sounds(first, loops, raw)
        return cls(
            groups=groups,
            loops=torch.from_numpy(np.array(sounds, np.float16)).view(-1, EVENT_SAMPLES),
            recorded=torch.from_numpy(np.array(list(render(recorded, loops, raw)), np.float32)),
        )

    @property
    def nbytes(self) -> int:
        """The size of loops and recorded clips."""
        return self.loops.nbytes + self.recorded.nbytes

    def pin_memory(self) -> "Unrendered":
        """Pin the large tensors; called by a DataLoader with `pin_memory`."""
        return replace(self, loops=self.loops.pin_memory(), recorded=self.recorded.pin_memory())

    def render(self, device: torch.device) -> Iterator[list[torch.Tensor]]:
        """Yield the waveforms of all compositions in their order, some at a time, each (samples,) fp32 on `device`.

        Of the groups of one part, those of similar length are rendered together, padded to less than twice their own.
        """
        loops = self.loops.split([len(first.all_clips) for first, *_ in self.groups])
        lengths = [slot_samples(first.layout, len(first.clips))[1] for first, *_ in self.groups]
        parts = [total // SAMPLES_AT_ONCE for total in itertools.accumulate(lengths)]
        for _, part in itertools.groupby(range(len(self.groups)), parts.__getitem__):
            waveforms: dict[int, list[torch.Tensor]] = {}
            by_length = sorted(part, key=lengths.__getitem__)
            for _, similar in itertools.groupby(by_length, lambda number: lengths[number].bit_length()):
                numbers = list(similar)
                sounds = [loops[number].to(device, non_blocking=True) for number in numbers]
                rendered = render_groups([self.groups[number] for number in numbers], sounds)
                waveforms |= zip(numbers, rendered, strict=True)
            yield list(itertools.chain.from_iterable(waveforms[number] for number in sorted(waveforms)))
        for start in range(0, len(self.recorded), RECORDED_AT_ONCE):
            yield list(self.recorded[start : start + RECORDED_AT_ONCE].to(device, non_blocking=True))
