"""What a worker reads for a batch whose waveforms and features an accelerator makes."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

from modeling_teminal import TeminalFeatureExtractor
from teminal.clips import ClipBank
from teminal.rendering import SAMPLING_RATE
from teminal.rendering_torch import over_background, render_groups
from teminal.scenes import VARIANTS
from teminal.training.draw import Audio

PAIRS_AT_ONCE = 32  # groups or clips: the waveforms of 32 groups are 246 MB


@dataclass
class Sounds:
    """Some audios of a batch, not rendered yet.

    Attributes:
        pairs: (S, 2, samples) fp16, from the drawn offsets on: the two loops of each composition group, or each
            recorded clip and its background.
        snr_db: (S,) level of the first over the second.
        rows: (A,) the audios among the 4 S variants of all groups; `None` for recorded clips.
    """

    pairs: torch.Tensor
    snr_db: torch.Tensor
    rows: torch.Tensor | None

    def pin_memory(self) -> "Sounds":
        return replace(self, pairs=self.pairs.pin_memory())

    def features(self, extractor: TeminalFeatureExtractor, device: torch.device) -> torch.Tensor:
        """(A or S, channels, frames, mel bins) in dB, made on `device`."""
        pairs, snr_db = self.pairs.to(device, non_blocking=True), self.snr_db.to(device)
        if self.rows is None:
            waveforms = over_background(pairs, snr_db)
        else:
            waveforms = render_groups(pairs, snr_db).flatten(0, 1)[self.rows.to(device)]
        return extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"]


def from_offset(loop: np.ndarray, offset: int) -> np.ndarray:
    """(samples,) fp32 of an fp16 loop from `offset` on; PyTorch converts faster than NumPy."""
    return torch.from_numpy(np.roll(loop, offset)).float().numpy()


def read_sounds(audios: list[Audio], bank: ClipBank) -> list[Sounds]:
    """Read what `audios` are made of; their order is kept, and those of one group lie side by side."""
    found = []
    for recorded, kind in itertools.groupby(audios, key=lambda audio: audio.variant is None):
        of_kind, of_bank = list(kind), bank.raw if recorded else bank.loops
        groups = [[audio] for audio in of_kind] if recorded else _groups(of_kind)
        for start in range(0, len(groups), PAIRS_AT_ONCE):
            some = groups[start : start + PAIRS_AT_ONCE]
            pairs = np.empty((len(some), 2, of_bank.shape[1]), np.float16)
            for pair, (first, *_) in zip(pairs, some, strict=True):
                for sound, clip, offset in zip(pair, first.clips, first.offsets, strict=True):
                    sound[:] = np.roll(of_bank[clip], offset)
            snr_db = torch.tensor([group[0].snr_db for group in some], dtype=torch.float64)
            rows = None if recorded else torch.tensor(_rows(some))
            found.append(Sounds(torch.from_numpy(pairs), snr_db, rows))
    return found


def _groups(audios: Iterable[Audio]) -> list[list[Audio]]:
    return [list(group) for _, group in itertools.groupby(audios, key=lambda audio: (audio.clips, audio.offsets))]


def _rows(groups: list[list[Audio]]) -> list[int]:
    variants = [(number, VARIANTS.index(audio.variant)) for number, group in enumerate(groups) for audio in group]
    return [len(VARIANTS) * number + variant for number, variant in variants]
