"""Render groups of compositions on an accelerator, to the same waveforms as `teminal.rendering`.

There are two renderers because a CPU and a GPU are fast at different things: NumPy renders one group after another,
slot by slot; torch renders many at once, whatever their layouts, from the gain of each slot at every sample.
"""

import math
from collections.abc import Iterator, Sequence

import torch
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from teminal.limiting_torch import limit_groups, sum_precisely
from teminal.rendering import CROSSFADE_S, EDGE_S, EVENT_SAMPLES, RMS, SAMPLING_RATE, overlay_gains, slot_samples
from teminal.scenes import Composition

_FADE, _EDGE = int(CROSSFADE_S * SAMPLING_RATE), int(EDGE_S * SAMPLING_RATE)


def render_groups(groups: Sequence[list[Composition]], loops: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    """Render the compositions of G groups together; see [`teminal.rendering.render_group`].

    All are padded to the longest scene, and to the most events and sequences of a group.

    Args:
        groups: compositions of each group.
        loops: for each group (events, then background, EVENT_SAMPLES), any float type, on the device that renders.

    Returns:
        For each group the waveforms of its compositions, (samples,) fp32, within 1e-5 of the NumPy version.
    """
    device, firsts = loops[0].device, [group[0] for group in groups]
    placed = [slot_samples(first.layout, len(first.clips)) for first in firsts]
    lengths = [n_samples for _, n_samples in placed]
    slots = _pad([torch.tensor(slots) for slots, _ in placed], max(lengths) + 1).to(device)  # missing ones come later
    levels = _pad([torch.from_numpy(overlay_gains(first.snr_db, len(first.clips))) for first in firsts]).to(device)
    events = _pad([sounds[: len(first.clips)] for sounds, first in zip(loops, firsts, strict=True)]).float()
    names, orders = list_sequences(groups)

    scenes = place_events(events, slots, levels, orders.to(device), max(lengths))
    n_loud = (slots[..., 1] - slots[..., 0]).sum(1).double()
    if any(first.background for first in firsts):
        powers = [10 ** (-first.background_db / 10) if first.background else 0.0 for first in firsts]
        backgrounds = torch.stack([sounds[-1] for sounds in loops]).float()
        n_loud = add_backgrounds(scenes, n_loud, backgrounds, torch.tensor(powers).to(device), lengths)
    limit_groups(scenes, n_loud)
    waveforms = []
    for number, group in enumerate(groups):
        rows = ["single", "overlay", *names[number]]
        heard = [rows.index(composition.order or composition.variant) for composition in group]
        waveforms.append([scenes[number, row, : lengths[number]] for row in heard])
    return waveforms


def _pad(rows: list[torch.Tensor], value: float = 0) -> torch.Tensor:
    """Stack (events, ...) of each group, padded with `value` to the most events: (G, E, ...)."""
    return pad_sequence(rows, batch_first=True, padding_value=value)


def list_sequences(groups: Sequence[list[Composition]]) -> tuple[list[list[str | tuple[int, ...]]], torch.Tensor]:
    """List the sequences of each group: their names, and (G, sequences, slots) long, the event in each slot."""
    names: list[list[str | tuple[int, ...]]] = []
    orders = []
    for group in groups:
        forward = tuple(range(len(group[0].clips)))
        more = sorted({composition.order for composition in group if composition.order})
        names.append(["forward", "reversed", *more])
        orders.append([forward, forward[::-1], *more])
    padded = torch.zeros(len(groups), max(map(len, orders)), max(len(group[0].clips) for group in groups))
    for number, rows in enumerate(orders):
        padded[number, : len(rows), : len(rows[0])] = torch.tensor(rows)
    return names, padded.long()


def place_events(
    events: torch.Tensor, slots: torch.Tensor, levels: torch.Tensor, orders: torch.Tensor, n_samples: int
) -> torch.Tensor:
    """Place the loops of each group in its slots.

    Args:
        events: (G, E, EVENT_SAMPLES) fp32.
        slots: (G, E, 2) long, start and end in samples.
        levels: (G, E) fp32, gain of each event in the overlay.
        orders: (G, V, E) long, the event in each slot of each sequence.

    Returns:
        (G, 2 + V, n_samples) fp32: the first event in every slot; all events in every slot; the sequences.
    """
    times = torch.arange(n_samples, device=events.device)
    number = torch.arange(len(events), device=events.device)[:, None]
    sequences = events.new_zeros(*orders.shape[:2], n_samples)
    power = events.new_zeros(len(events), n_samples)
    for slot, gain in enumerate(slot_gains(slots, times.float())):
        position = (times - slots[:, slot, :1]) % EVENT_SAMPLES
        playing = events[number, orders[:, :, slot]].gather(2, position[:, None].expand(-1, orders.shape[1], -1))
        sequences += playing.mul_(gain[:, None])
        power += gain.square()
    overlay = (events * levels[..., None]).sum(1)
    filling = torch.stack([events[:, 0], overlay], 1)[..., times % EVENT_SAMPLES].mul_(power.sqrt()[:, None])
    return torch.cat([filling, sequences], 1)


def slot_gains(slots: torch.Tensor, times: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the gain of each slot at every sample, (G, samples) fp32.

    A slot that touches the next one sounds on into it while they cross-fade at equal power.
    """
    touches = slots[:, :-1, 1] == slots[:, 1:, 0]
    before, after = pad(touches, (1, 0))[..., None], pad(touches, (0, 1))[..., None]
    for slot in range(slots.shape[1]):  # a float holds any number of samples of a scene
        start, end = slots[:, slot, :1], slots[:, slot, 1:] + _FADE * after[:, slot]
        yield _rise(times - start, before[:, slot]) * _rise(end - 1 - times, after[:, slot])


def _rise(n_samples: torch.Tensor, is_joint: torch.Tensor) -> torch.Tensor:
    """Compute a fade-in after `n_samples`: at equal power over `CROSSFADE_S`, or linear over `EDGE_S`; 0 before."""
    share = (n_samples / torch.where(is_joint, _FADE - 1, _EDGE - 1)).clamp(0, 1)
    return torch.where(is_joint, (share * (math.pi / 2)).sin(), share)


def add_backgrounds(
    scenes: torch.Tensor, n_loud: torch.Tensor, backgrounds: torch.Tensor, powers: torch.Tensor, lengths: list[int]
) -> torch.Tensor:
    """Add a loop under the whole of each scene, in place.

    Args:
        scenes: (G, V, samples) fp32.
        n_loud: (G,) fp64, samples at RMS 0.1 that have the power of each scene.
        backgrounds: (G, EVENT_SAMPLES) fp32.
        powers: (G,) of the backgrounds over the events; 0 for none.
        lengths: samples of the scenes of each group.

    Returns:
        (G,) fp64, `n_loud` with the background.
    """
    ends, times = torch.tensor(lengths, device=scenes.device), torch.arange(scenes.shape[-1], device=scenes.device)
    scenes *= (n_loud[:, None] * RMS**2 / sum_precisely(scenes.square())).sqrt()[..., None].float()
    backgrounds = backgrounds[:, times % EVENT_SAMPLES] * powers.sqrt()[:, None]
    scenes += backgrounds.masked_fill_(times >= ends[:, None], 0)[:, None]
    return n_loud + ends * powers
