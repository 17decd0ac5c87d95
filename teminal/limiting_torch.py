"""Bring waveforms to one level and peak on an accelerator, as `teminal.event_loops` does on a CPU.

NumPy sorts the few loud samples of a waveform; torch sums over all samples, because a GPU sorts slowly.
"""

import torch

from teminal.event_loops import PEAK, RMS

N_PARTIAL = 960  # squares summed in fp32 at a time
MAX_ITERATIONS = 100
TOLERANCE = 1e-8  # relative, of a gain; well below the precision of fp32


def limit_groups(scenes: torch.Tensor, n_loud: torch.Tensor) -> None:
    """Scale and clip the scenes of each group, in place, to the power of `n_loud` samples at RMS 0.1.

    All are clipped to the lowest peak of the overlay, the forward and the reversed sequence; others may stay below it.

    Args:
        scenes: (G, V, samples) fp32: the single event, the overlay, the forward, the reversed and other sequences.
        n_loud: (G,) fp64.
    """
    power, powers = scenes.square(), (n_loud * RMS**2)[:, None].expand(scenes.shape[:2])
    audible = power[:, 1:4]
    gains = limiting_gains(audible, torch.full_like(powers[:, 1:4], PEAK), powers[:, 1:4])
    peaks = (gains * audible.amax(2).sqrt()).amin(1, keepdim=True).clamp(max=PEAK)
    scenes *= limiting_gains(power, peaks.expand_as(powers), powers)[..., None].float()
    peaks = peaks[..., None].float()
    scenes.clamp_(-peaks, peaks)


def limiting_gains(power: torch.Tensor, peaks: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute the gains after which waveforms, then clipped to `peaks`, have the power `target`.

    The formula is that of [`teminal.event_loops.limiting_gain`], with masked sums. The power after clipping is concave
    in the square of the gain, and each iteration is a Newton step: it rises from the unclipped gain to the solution
    and never beyond, in two or three iterations for most sounds.

    Args:
        power: (..., N) fp32 squares of the samples.
        peaks: (...) fp64.
        target: (...) fp64, sum of the squares.

    Returns:
        (...) fp64, accurate to 1e-7.
    """
    gains = (target / sum_precisely(power)).sqrt()
    for _ in range(MAX_ITERATIONS):
        clipped = power > (peaks / gains).square()[..., None].float()
        left = target - clipped.sum(-1) * peaks.square()
        power_left = sum_precisely(power.masked_fill(clipped, 0))
        found = (left / power_left).sqrt()
        rises = (power_left > 0) & (found > gains * (1 + TOLERANCE))  # also false for NaN, where nothing is left
        if not rises.any():
            break
        gains = torch.where(rises, found, gains)
    return gains


def sum_precisely(values: torch.Tensor) -> torch.Tensor:
    """Sum over the last axis to (...) fp64; partial sums in fp32, so that no large tensor is copied to fp64."""
    whole = values.shape[-1] // N_PARTIAL * N_PARTIAL
    partial = values[..., :whole].unflatten(-1, (-1, N_PARTIAL)).sum(-1)
    return partial.sum(-1, dtype=torch.float64) + values[..., whole:].sum(-1, dtype=torch.float64)
