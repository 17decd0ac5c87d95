"""Test gain, masks, and that the given random numbers determine both."""

import pytest
import torch

from teminal.features import ClipFeatures
from teminal.training.augment import N_RANDOM, augment, augment_windows

SHARES = [2, 4, 6, 8]  # how much each mask covers


@pytest.fixture
def features():
    return 20 * torch.randn(3, 1, 50, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def neutral():
    """Return random numbers that leave features unchanged."""
    uniform = torch.full((3, N_RANDOM), 0.5)
    uniform[:, SHARES] = 0.0
    return uniform


def test_the_middle_of_every_range_changes_nothing(features, neutral):
    assert torch.equal(augment_windows(features, neutral), features)


def test_gain_is_up_to_6_db(features, neutral):
    neutral[:, 0] = torch.tensor([0.0, 0.5, 1.0])
    change = augment_windows(features, neutral) - features
    assert torch.allclose(change, torch.tensor([-6.0, 0.0, 6.0])[:, None, None, None].expand_as(change), atol=1e-4)


def test_masks_hold_the_mean_of_the_clip(features, neutral):
    neutral[0, SHARES[0]], neutral[1, SHARES[1]] = 1.0, 1.0
    over_time, over_mels, without = augment_windows(features, neutral)[:, 0]
    frames, mels = (over_time != features[0, 0]).any(1), (over_mels != features[1, 0]).any(0)
    assert (frames.sum(), mels.sum()) == (5, 8)
    assert torch.allclose(over_time[frames], features[0].mean(), atol=1e-4)
    assert torch.allclose(over_mels[:, mels], features[1].mean(), atol=1e-4)
    assert torch.equal(without, features[2, 0])


def test_a_clip_does_not_depend_on_its_batch(features):
    uniform = torch.rand(3, N_RANDOM, generator=torch.Generator().manual_seed(1))
    together = augment_windows(features, uniform)
    assert not torch.equal(together, features)
    for row in range(3):
        assert torch.equal(augment_windows(features[row : row + 1], uniform[row : row + 1])[0], together[row])


def test_windows_of_one_clip_get_the_same_gain_and_masks(features):
    uniform = torch.rand(2, N_RANDOM, generator=torch.Generator().manual_seed(2))
    clips = ClipFeatures(features, torch.tensor([1, 2]), torch.tensor([[49], [80]]))
    found = augment(clips, uniform)
    assert torch.equal(found.windows, augment_windows(features, uniform[[0, 1, 1]]))
    assert found.window_counts is clips.window_counts
    assert found.num_frames is clips.num_frames
