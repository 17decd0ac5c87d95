"""What augmentation does to features, and that the caller's numbers decide all of it."""

import pytest
import torch

from training.augment import MAX_SHIFT, N_KNOTS, N_MASKS, N_RANDOM, augment

GAIN, KNOTS, SHIFT = slice(0, 1), slice(1 + 4 * N_MASKS, 1 + 4 * N_MASKS + N_KNOTS), slice(N_RANDOM - 1, N_RANDOM)
SHARES = [2, 4, 6, 8]  # how much each mask covers


@pytest.fixture
def features():
    return 20 * torch.randn(3, 1, 50, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def neutral():
    """Numbers that change nothing."""
    uniform = torch.full((3, N_RANDOM), 0.5)
    uniform[:, SHARES] = 0.0
    return uniform


def test_the_middle_of_every_range_changes_nothing(features, neutral):
    assert torch.equal(augment(features, neutral), features)


def test_gain_and_filter_are_up_to_6_db_each(features, neutral):
    neutral[0, GAIN], neutral[1, KNOTS], neutral[2, KNOTS] = 1.0, 0.0, torch.tensor([1.0, 0.5, 0.5, 0.5])
    change = augment(features, neutral) - features
    assert torch.allclose(change[0], torch.tensor(6.0), atol=1e-4)
    assert torch.allclose(change[1], torch.tensor(-6.0), atol=1e-4)
    sloped = change[2, 0, 0]
    assert torch.allclose(sloped[:22], 6 * (1 - torch.arange(22) / 21), atol=1e-4)
    assert torch.allclose(sloped[21:], torch.zeros(43), atol=1e-4)


def test_pitch_moves_by_whole_bins_and_repeats_the_edge(features, neutral):
    neutral[0, SHIFT], neutral[1, SHIFT] = 0.999, 0.0
    up_to, down_to, same = augment(features, neutral)
    assert torch.equal(up_to[..., : 64 - MAX_SHIFT], features[0][..., MAX_SHIFT:])
    assert torch.equal(down_to[..., MAX_SHIFT:], features[1][..., : 64 - MAX_SHIFT])
    assert torch.equal(down_to[..., 0], features[1][..., 0])
    assert torch.equal(same, features[2])


def test_masks_hold_the_mean_of_the_clip(features, neutral):
    neutral[0, SHARES[1]] = 1.0
    masked = augment(features, neutral)[0, 0]
    columns = (masked != features[0, 0]).any(0)
    assert columns.sum() == 8
    assert torch.allclose(masked[:, columns], features[0].mean(), atol=1e-4)


def test_a_clip_does_not_depend_on_its_batch(features):
    uniform = torch.rand(3, N_RANDOM, generator=torch.Generator().manual_seed(1))
    together = augment(features, uniform)
    assert not torch.equal(together, features)
    for row in range(3):
        assert torch.equal(augment(features[row : row + 1], uniform[row : row + 1])[0], together[row])
