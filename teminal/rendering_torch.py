"""Render batches of compositions on an accelerator, to the same waveforms as `teminal.rendering`.

There are two renderers because a CPU and a GPU are fast at different things: NumPy sorts the few loud samples of a
waveform (179 groups/s on one CPU thread), torch sums over all samples (50 there), because a GPU sorts slowly.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from teminal.rendering import CROSSFADE_S, EDGE_S, EVENT_SAMPLES, PEAK, RMS, SAMPLING_RATE, Sounds, read_sounds, render
from teminal.scenes import VARIANTS, Composition, in_groups

GROUPS_AT_ONCE = 32  # 246 MB of waveforms
N_PARTIAL = 960  # squares summed in fp32 at a time; divides EVENT_SAMPLES
MAX_ITERATIONS = 100
TOLERANCE = 1e-8  # relative, of a gain; well below the precision of fp32


@dataclass
class Unrendered:
    """Compositions of a batch before rendering: S groups of two events without gaps, then R recorded clips.

    Attributes:
        loops: (S, 2, EVENT_SAMPLES) fp16.
        snr_db: (S,) fp64, level of the first over the second.
        rows: (A,) long, ascending: indices of the compositions among the 4 S variants of all groups.
        recorded: (R, samples) fp32 waveforms.
    """

    loops: torch.Tensor
    snr_db: torch.Tensor
    rows: torch.Tensor
    recorded: torch.Tensor

    @classmethod
    def read(cls, compositions: Iterable[Composition], loops: Sounds, raw: Sounds) -> "Unrendered":
        """Read the sounds of compositions, recorded clips last; see [`teminal.rendering.render`]."""
        grouped = in_groups(compositions)
        groups = [group for group in grouped if group[0].variant in VARIANTS]
        rows: list[int] = []
        for number, group in enumerate(groups):
            rows += [len(VARIANTS) * number + VARIANTS.index(composition.variant) for composition in group]
        sounds = np.array([read_sounds(first, loops, raw) for first, *_ in groups], np.float16)
        recorded = [group[0] for group in grouped if group[0].variant not in VARIANTS]
        return cls(
            loops=torch.from_numpy(sounds).view(len(groups), 2, EVENT_SAMPLES),
            snr_db=torch.tensor([first.snr_db for first, *_ in groups], dtype=torch.float64),
            rows=torch.tensor(rows, dtype=torch.long),
            recorded=torch.from_numpy(np.array(list(render(recorded, loops, raw)), np.float32)),
        )

    @property
    def nbytes(self) -> int:
        """The size of loops and recorded clips."""
        return self.loops.nbytes + self.recorded.nbytes

    def pin_memory(self) -> "Unrendered":
        """Pin the large tensors; called by a DataLoader with `pin_memory`."""
        return replace(self, loops=self.loops.pin_memory(), recorded=self.recorded.pin_memory())

    def render(self, device: torch.device) -> Iterator[torch.Tensor]:
        """Yield the waveforms of all compositions in parts of (n, samples) fp32 on `device`."""
        group_of = self.rows // len(VARIANTS)
        for start in range(0, len(self.loops), GROUPS_AT_ONCE):
            some = slice(start, start + GROUPS_AT_ONCE)
            rows = self.rows[(group_of >= some.start) & (group_of < some.stop)] - len(VARIANTS) * start
            loops = self.loops[some].to(device, non_blocking=True)
            yield render_groups(loops, self.snr_db[some].to(device)).flatten(0, 1)[rows.to(device)]
        for start in range(0, len(self.recorded), GROUPS_AT_ONCE):
            yield self.recorded[start : start + GROUPS_AT_ONCE].to(device, non_blocking=True)


def render_groups(loops: torch.Tensor, snr_db: torch.Tensor) -> torch.Tensor:
    """Render all variants of groups of two events without gaps; see [`teminal.rendering.render_group`].

    Args:
        loops: (G, 2, EVENT_SAMPLES), any float type.
        snr_db: (G,) level of the first over the second in the overlay.

    Returns:
        (G, 4, SCENE_SAMPLES) fp32 in the order of `VARIANTS`, within 1e-5 of the NumPy version.
    """
    loops = loops.float()
    x, y = loops.unbind(1)
    levels_db = torch.stack([snr_db, -snr_db], dim=1) / 2
    overlay = (loops * (10 ** (levels_db / 20))[..., None].float()).sum(1)
    scenes = torch.stack([x.repeat(1, 2), _sequence(x, y), _sequence(y, x), overlay.repeat(1, 2)], dim=1)
    rise = torch.linspace(0, 1, int(EDGE_S * SAMPLING_RATE), device=loops.device)
    scenes[..., : len(rise)] *= rise
    scenes[..., -len(rise) :] *= rise.flip(0)

    power = scenes.square()
    gains = limiting_gains(power[:, 1:], torch.full_like(scenes[:, 1:, 0], PEAK, dtype=torch.float64))
    peaks = (gains * power[:, 1:].amax(2).sqrt()).amin(1, keepdim=True).clamp(max=PEAK).expand(-1, 4)
    scenes *= limiting_gains(power, peaks)[..., None].float()
    peaks = peaks[..., None].float()
    return scenes.clamp_(-peaks, peaks)


def limiting_gains(power: torch.Tensor, peaks: torch.Tensor) -> torch.Tensor:
    """Compute the gains after which waveforms, then clipped to `peaks`, have RMS 0.1.

    The formula is that of [`teminal.rendering.limiting_gain`], with masked sums. The power after clipping is concave
    in the square of the gain, and each iteration is a Newton step: it rises from the unclipped gain to the solution
    and never beyond, in two or three iterations for most sounds.

    Args:
        power: (..., N) fp32 squares of the samples.
        peaks: (...) fp64.

    Returns:
        (...) fp64, accurate to 1e-7.
    """
    target = power.shape[-1] * RMS**2
    gains = (target / _sum(power)).sqrt()
    for _ in range(MAX_ITERATIONS):
        clipped = power > (peaks / gains).square()[..., None].float()
        left = target - clipped.sum(-1) * peaks.square()
        power_left = _sum(power.masked_fill(clipped, 0))
        found = (left / power_left).sqrt()
        rises = (power_left > 0) & (found > gains * (1 + TOLERANCE))  # also false for NaN, where nothing is left
        if not rises.any():
            break
        gains = torch.where(rises, found, gains)
    return gains


def _sum(values: torch.Tensor) -> torch.Tensor:
    """Sum over the last axis to (...) fp64; partial sums in fp32, so that no large tensor is copied to fp64."""
    return values.unflatten(-1, (-1, N_PARTIAL)).sum(-1).sum(-1, dtype=torch.float64)


def _sequence(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Join loops (G, EVENT_SAMPLES) to (G, SCENE_SAMPLES) with an equal-power cross-fade."""
    n_samples = int(CROSSFADE_S * SAMPLING_RATE)
    rise = torch.linspace(0, math.pi / 2, n_samples, dtype=torch.float64, device=first.device).sin().float()
    scenes = torch.cat([first, second], dim=1)
    joint = scenes[:, EVENT_SAMPLES : EVENT_SAMPLES + n_samples]
    joint *= rise
    joint += first[:, :n_samples] * rise.flip(0)
    return scenes
