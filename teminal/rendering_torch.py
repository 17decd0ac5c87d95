"""Render whole batches of compositions at once on an accelerator: the waveforms of `teminal.rendering`, in torch.

There are two renderers because each is far too slow in the other's place: one CPU thread renders 179 groups/s with
NumPy, which sorts the few loud samples of a waveform, and 50 with torch, which sums over all of them; a GPU cannot
sort fast.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch

from teminal.rendering import CROSSFADE_S, EDGE_S, EVENT_SAMPLES, PEAK, RMS, SAMPLING_RATE, Sounds, read_sounds
from teminal.scenes import VARIANTS, Composition, in_groups

GROUPS_AT_ONCE = 32  # their waveforms are 246 MB
N_PARTIAL = 960  # squares that are summed in fp32; an event is a whole number of them
MAX_ITERATIONS = 100
TOLERANCE = 1e-8  # of a gain, well under what fp32 can tell


@dataclass
class Unrendered:
    """Some compositions of a batch as workers read them.

    Attributes:
        sounds: (S, 2, samples) fp16, from their offsets on: the two loops of each group, or each recorded clip and its
            background; (S, 1, samples) of recorded clips without one.
        snr_db: (S,) fp64, level of the first over the second.
        rows: (A,) long, the compositions among the 4 S variants of all groups; `None` for recorded clips.
    """

    sounds: torch.Tensor
    snr_db: torch.Tensor
    rows: torch.Tensor | None

    def pin_memory(self) -> "Unrendered":
        """Called by a DataLoader that pins memory."""
        return replace(self, sounds=self.sounds.pin_memory())

    def render(self, device: torch.device) -> torch.Tensor:
        """(A or S, samples) fp32 on `device`."""
        sounds, snr_db = self.sounds.to(device, non_blocking=True), self.snr_db.to(device)
        if self.rows is None:
            return over_background(sounds, snr_db)
        return render_groups(sounds, snr_db).flatten(0, 1)[self.rows.to(device)]


def read_unrendered(compositions: Iterable[Composition], loops: Sounds, raw: Sounds) -> list[Unrendered]:
    """Read what compositions of one or two clips without gaps are rendered from, in their order; variants of a group
    must lie side by side. `loops` and `raw` are those of a bank."""
    found = []
    groups = in_groups(compositions)
    for is_recorded, of_kind in itertools.groupby(groups, lambda group: group[0].variant not in VARIANTS):
        chosen = list(of_kind)
        for start in range(0, len(chosen), GROUPS_AT_ONCE):
            some = chosen[start : start + GROUPS_AT_ONCE]
            sounds = np.stack([read_sounds(first, loops, raw) for first, *_ in some])
            snr_db = torch.tensor([first.snr_db for first, *_ in some], dtype=torch.float64)
            rows = None if is_recorded else torch.tensor(_rows_of(some))
            found.append(Unrendered(torch.from_numpy(sounds), snr_db, rows))
    return found


def _rows_of(groups: list[list[Composition]]) -> list[int]:
    rows = []
    for number, group in enumerate(groups):
        rows += [number * len(VARIANTS) + VARIANTS.index(composition.variant) for composition in group]
    return rows


def render_groups(loops: torch.Tensor, snr_db: torch.Tensor) -> torch.Tensor:
    """All variants of composition groups of two events without gaps; see [`teminal.rendering.render_group`].

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


def over_background(clips: torch.Tensor, snr_db: torch.Tensor) -> torch.Tensor:
    """Add to each recorded clip, at its own level, another one.

    Args:
        clips: (K, 2, samples), clip and background, any float type, not silent; (K, 1, samples) without background.
        snr_db: (K,) level of the clip over its background.

    Returns:
        (K, samples) fp32.
    """
    if clips.shape[1] == 1:
        return clips[:, 0].float()
    clip, background = clips.float().unbind(1)
    gain = (_sum(clip.square()) / _sum(background.square())).sqrt() * 10 ** (-snr_db / 20)
    return clip + background * gain[:, None].float()


def limiting_gains(power: torch.Tensor, peaks: torch.Tensor) -> torch.Tensor:
    """The gains with which waveforms, clipped to `peaks` after them, have RMS 0.1.

    As in [`teminal.rendering.limiting_gain`], with n samples clipped a gain is the root of
    (N RMS^2 - n peak^2) / (power of the others), and n follows from the gain. Here n and that power are masked sums,
    for which a GPU need not sort. The power after clipping is concave in the square of the gain, and one round is
    Newton's step on it: from the unclipped gain it rises to the solution and never beyond, in two or three rounds for
    most sounds.

    Args:
        power: (..., N) fp32 squares of the samples.
        peaks: (...) fp64.

    Returns:
        (...) fp64, right to 1e-7.
    """
    target = power.shape[-1] * RMS**2
    gains = (target / _sum(power)).sqrt()
    for _ in range(MAX_ITERATIONS):
        clipped = power > (peaks / gains).square()[..., None].float()
        left = target - clipped.sum(-1) * peaks.square()
        power_left = _sum(power.masked_fill(clipped, 0))
        found = (left / power_left).sqrt()
        rises = (power_left > 0) & (found > gains * (1 + TOLERANCE))  # also false where nothing is left
        if not rises.any():
            break
        gains = torch.where(rises, found, gains)
    return gains


def _sum(values: torch.Tensor) -> torch.Tensor:
    """Sums over the last axis, (...) fp64: short ones in fp32, so that no large tensor is copied to fp64."""
    return values.unflatten(-1, (-1, N_PARTIAL)).sum(-1).sum(-1, dtype=torch.float64)


def _sequence(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(G, EVENT_SAMPLES) each -> (G, SCENE_SAMPLES), with an equal-power cross-fade; a loop goes on at its start."""
    n_samples = int(CROSSFADE_S * SAMPLING_RATE)
    rise = torch.linspace(0, math.pi / 2, n_samples, dtype=torch.float64, device=first.device).sin().float()
    scenes = torch.cat([first, second], dim=1)
    joint = scenes[:, EVENT_SAMPLES : EVENT_SAMPLES + n_samples]
    joint *= rise
    joint += first[:, :n_samples] * rise.flip(0)
    return scenes
