"""Whole batches of compositions at once, on an accelerator: the waveforms of `teminal.rendering`, in torch."""

import math

import torch

from teminal.rendering import CROSSFADE_S, EDGE_S, EVENT_SAMPLES, PEAK, RMS, SAMPLING_RATE

N_PARTIAL = 960  # squares that are summed in fp32; an event is a whole number of them
MAX_ITERATIONS = 100
TOLERANCE = 1e-8  # of a gain, well under what fp32 can tell


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
    """Recorded clips with another one under each.

    Args:
        clips: (K, 2, samples), clip and background, any float type, not silent.
        snr_db: (K,) level of the clip over its background; infinite: without any.

    Returns:
        (K, samples) fp32, the clip at its own level.
    """
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
