"""Test that features of clips of any lengths keep together what belongs to one clip."""

import numpy as np
import pytest
import torch

from teminal.features import ClipFeatures, compute_features


@pytest.fixture
def features():
    """Five clips of 1, 3, 1, 6 and 2 windows, which are numbered."""
    windows = torch.arange(13.0).view(13, 1, 1, 1)
    return ClipFeatures(windows, torch.tensor([1, 3, 1, 6, 2]), torch.arange(5)[:, None])


def numbers(features):
    return features.windows.flatten().tolist()


def test_a_slice_has_the_windows_of_its_clips(features):
    assert len(features) == 5
    for rows, expected in ((slice(1, 3), range(1, 5)), (slice(2), range(4)), (slice(3, None), range(5, 13))):
        taken = features[rows]
        assert numbers(taken) == list(expected)
        assert taken.window_counts.tolist() == features.window_counts[rows].tolist()
        assert taken.num_frames.flatten().tolist() == list(range(5))[rows]


@pytest.mark.parametrize("n_parts", [1, 2, 3, 5, 13])
def test_parts_have_about_as_many_windows_each_and_divide_no_clip(features, n_parts):
    parts = list(features.split(n_parts))
    assert 1 <= len(parts) <= n_parts
    assert torch.equal(torch.cat([part.windows for part in parts]), features.windows)
    assert torch.equal(torch.cat([part.num_frames for part in parts]), features.num_frames)
    for part in parts:
        assert len(part) == 1 or len(part.windows) - part.window_counts[-1] < 13 / n_parts


@pytest.mark.parametrize(("n_clips", "n_parts"), [(10, 4), (7, 7), (9, 2), (3, 3)])
def test_clips_of_one_window_are_split_evenly(n_clips, n_parts):
    ones = ClipFeatures(torch.zeros(n_clips, 1, 1, 1), torch.ones(n_clips).long(), torch.ones(n_clips, 1).long())
    sizes = [len(part) for part in ones.split(n_parts)]
    assert len(sizes) == n_parts
    assert max(sizes) - min(sizes) <= 1


def test_window_counts_are_given_only_where_they_say_something(features):
    assert set(features.model_inputs()) == {"input_features", "is_longer", "num_frames", "window_counts"}
    ones = features[:1]
    assert set(ones.model_inputs()) == {"input_features", "is_longer", "num_frames"}
    assert features.nbytes == 13 * 4 + 5 * 8 + 5 * 8


def test_features_are_those_of_the_extractor_without_padding(tiny_clap):
    extractor = tiny_clap[1].feature_extractor
    clips = [np.random.default_rng(n).standard_normal(n).astype(np.float32) for n in (90_000, 1_000_000, 480_000)]
    found = compute_features(extractor, [clips[:1], clips[1:]])
    rows, num_frames = extractor.windows(clips, sampling_rate=48_000)
    assert torch.equal(found.windows, torch.cat(rows))
    assert found.window_counts.tolist() == [1, 3, 1]
    assert torch.equal(found.num_frames, num_frames)
