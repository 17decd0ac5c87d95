"""What an accelerator makes of groups is what NumPy makes of them one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from teminal.event_loops import EVENT_SAMPLES
from teminal.rendering import read_sounds, render
from teminal.rendering_torch import render_groups
from teminal.sampling.layouts import draw_layout
from teminal.scenes import MAX_SCENE_S, TEN_SECONDS, VARIANTS, Composition, Layout

GAPS = Layout(6.0, ((0.5, 1.2), (1.705, 2.0), (4.0, 1.0003)))
OVERLAPS = Layout(7.1234, ((0.0, 2.0), (1.5, 2.5), (4.0, 1.0), (4.8, 2.0)))


def variants_and_orders(composition, *orders):
    group = [replace(composition, variant=variant) for variant in VARIANTS]
    return group + [replace(composition, variant="forward", order=order) for order in orders]


def largest_difference(groups, loops):
    sounds = [torch.from_numpy(np.array(read_sounds(group[0], loops, {}))) for group in groups]
    differences = []
    for group, found in zip(groups, render_groups(groups, sounds), strict=True):
        for expected, waveform in zip(render(group, loops, {}), found, strict=True):
            assert waveform.dtype == torch.float32
            assert waveform.shape == expected.shape
            differences.append(np.abs(waveform.numpy() - expected).max())
    return max(differences)


def test_groups_of_any_kind_are_rendered_together_as_in_numpy(bank):
    groups = [
        variants_and_orders(Composition((0, 5), snr_db=2.0)),
        variants_and_orders(
            Composition((3, 9, 1), (7,), (5, 100_000, -7, 90_000), -3.0, 5.0, GAPS), (0, 2, 1), (1, 0, 2)
        ),
        variants_and_orders(Composition((4, 8), (), (-1, 30_000), 1.0, 0.0, Layout(4.0))),
        variants_and_orders(Composition((2, 6, 10, 13), (), snr_db=3.0, layout=OVERLAPS), (1, 0, 2, 3)),
        [Composition((7, 11), (2,), background_db=20.0, variant="overlay")],
        variants_and_orders(Composition((2, 6, 10)), (2, 0, 1))[::-1],
    ]
    assert largest_difference(groups, bank.loops) <= 1e-6


@pytest.mark.parametrize("seed", range(2))
def test_drawn_layouts_are_rendered_as_in_numpy(bank, seed):
    rng = np.random.default_rng(seed)
    groups = []
    for number in range(3):
        clips = tuple(rng.choice(len(bank.clips), 3 + number, replace=False).tolist())
        offsets = tuple(rng.integers(0, EVENT_SAMPLES, len(clips)).tolist())
        layout = draw_layout(rng, len(clips) - 1)
        drawn = Composition(clips[:-1], clips[-1:], offsets, rng.uniform(-3, 3), rng.uniform(5, 20), layout)
        groups.append(variants_and_orders(drawn))
    assert largest_difference(groups, bank.loops) <= 1e-6


def test_the_longest_scene_is_as_precise(bank):
    layout = Layout(MAX_SCENE_S, ((0.0, 29.9), (30.0, 30.0)))
    assert largest_difference([[Composition((0, 5), layout=layout, variant="reversed")]], bank.loops) <= 1e-6


@pytest.mark.parametrize("n_spikes", [0, 3, 1000, 30_000])
def test_spikes_are_clipped_as_in_numpy(n_spikes):
    """Noise with spikes of up to 50 dB over its level, which are clipped hard."""
    rng = np.random.default_rng(0)
    loops = 0.1 * rng.standard_normal((4, EVENT_SAMPLES)).astype(np.float32)
    at = rng.integers(0, EVENT_SAMPLES, (4, n_spikes))
    np.put_along_axis(loops, at, rng.uniform(-30, 30, at.shape).astype(np.float32), axis=1)
    groups = [
        variants_and_orders(Composition(clips, layout=layout))
        for clips, layout in (((0, 1), TEN_SECONDS), ((2, 3), Layout(3.0)))
    ]
    assert largest_difference(groups, loops.astype(np.float16)) <= 1e-6
