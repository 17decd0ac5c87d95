"""The time of each clip: positions over its real duration, against a reference that looks at one moment at a time."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from modeling_teminal import TeminalFeatureExtractor
from modeling_teminal.clip_time_teminal import average_over_clips, measure_durations, pool_over_clips
from modeling_teminal.spans_teminal import window_spans

RATE, HOP, WINDOW_S = 48_000, 480, 10
SECONDS = (3, 4, 7.3, 10, 10.5, 15, 20, 25, 60)


def moment_by_moment(windows, seconds, n_positions):
    """Positions (P, C) of a clip: at every moment the mean of the cells that cover it, of all windows there."""
    spans = window_spans(round(seconds * RATE), WINDOW_S * RATE, WINDOW_S * RATE)
    starts = [span.start / RATE for span in spans]
    n_cells = windows.shape[2]
    cell_s = WINDOW_S / n_cells
    edges = {start + cell * cell_s for start in starts for cell in range(n_cells + 1)}
    edges |= {position * seconds / n_positions for position in range(n_positions + 1)}
    positions = torch.zeros(n_positions, windows.shape[1], dtype=torch.float64)
    for before, after in itertools.pairwise(sorted(edge for edge in edges if edge <= seconds + 1e-9)):
        moment = (before + after) / 2
        heard = []
        for window, start in zip(windows.double(), starts, strict=True):
            if start <= moment < start + WINDOW_S:
                heard.append(window[:, int((moment - start) / cell_s)])
        assert 1 <= len(heard) <= 2  # no more than two windows lie over one another
        position = min(int(moment / seconds * n_positions), n_positions - 1)
        positions[position] += torch.stack(heard).mean(0) * (after - before) / (seconds / n_positions)
    return positions


def hear(seconds, n_cells=20):
    """Random cells (windows, 3, T) of a clip, the number of its windows and its duration in windows."""
    n_samples = round(seconds * RATE)
    n_windows = len(window_spans(n_samples, WINDOW_S * RATE, WINDOW_S * RATE))
    generator = torch.Generator().manual_seed(n_samples)
    return torch.randn(n_windows, 3, n_cells, generator=generator), n_windows, -(-n_samples // HOP)


@pytest.mark.parametrize("n_positions", [8, 5])
@pytest.mark.parametrize("n_cells", [20, 32])
def test_positions_are_those_of_the_reference_in_any_batch(n_positions, n_cells):
    heard = [hear(seconds, n_cells) for seconds in SECONDS]
    counts, num_frames = (torch.tensor(values) for values in list(zip(*heard, strict=True))[1:])
    over_time = torch.cat([windows for windows, _, _ in heard])
    durations = measure_durations(num_frames[:, None], counts, len(over_time), 1001)
    together = pool_over_clips(over_time, n_positions, counts, durations)
    for row, seconds in enumerate(SECONDS):
        windows, n_windows, _ = heard[row]
        expected = moment_by_moment(windows, seconds, n_positions)
        assert (together[row] - expected).abs().max() <= 1e-4, seconds
        alone = pool_over_clips(windows, n_positions, torch.tensor([n_windows]), durations[row : row + 1])
        assert (together[row] - alone[0]).abs().max() <= 1e-6
        if n_windows == 1:
            assert torch.equal(pool_over_clips(windows, n_positions, None, durations[row : row + 1]), alone)


@pytest.mark.parametrize("n_windows", range(2, 40))
def test_at_most_two_windows_lie_over_one_another(n_windows):
    for n_samples in ((n_windows - 1) * 480 + 1, (n_windows - 1) * 480 + 100, n_windows * 480):
        spans = window_spans(n_samples, 480, 480)
        assert len(spans) == n_windows
        for first, third in itertools.pairwise(spans[::2]):
            assert third.start >= first.stop - 1  # starts are rounded
        for second, fourth in itertools.pairwise(spans[1::2]):
            assert fourth.start >= second.stop - 1


@pytest.mark.parametrize(("n_cells", "n_positions"), [(32, 8), (16, 8), (8, 8), (4, 8)])
def test_ten_seconds_are_pooled_as_ever(n_cells, n_positions):
    over_time = torch.randn(6, 5, n_cells)
    expected = F.adaptive_avg_pool1d(over_time, n_positions).transpose(1, 2)
    ten_seconds = measure_durations(torch.full((6, 1), 1000), None, 6, 1001)
    for durations in (None, ten_seconds):
        assert (pool_over_clips(over_time, n_positions, None, durations) - expected).abs().max() <= 1e-6


def test_without_durations_windows_lie_end_to_end():
    over_time = torch.randn(5, 3, 8)
    counts = torch.tensor([2, 3])
    found = pool_over_clips(over_time, 4, counts)
    for row, windows in enumerate(over_time.split(counts.tolist())):
        laid_out = torch.cat(list(windows), dim=1)[None]
        assert (found[row] - F.adaptive_avg_pool1d(laid_out, 4)[0].T).abs().max() <= 1e-6


def test_vectors_are_averaged_over_each_clip():
    pooled = torch.randn(6, 4)
    found = average_over_clips(pooled, torch.tensor([1, 3, 2]))
    expected = [pooled[0], pooled[1:4].mean(0), pooled[4:].mean(0)]
    assert (found - torch.stack(expected)).abs().max() <= 1e-6
    assert torch.equal(average_over_clips(pooled, torch.ones(6, dtype=torch.long)), pooled)


def test_what_is_beyond_the_counts_is_left_out():
    over_time, counts, durations = torch.randn(5, 3, 8), torch.tensor([1, 2]), torch.tensor([0.5, 1.7])
    expected = pool_over_clips(over_time[:3], 4, counts, durations)
    assert torch.equal(pool_over_clips(over_time, 4, counts, durations), expected)
    assert torch.equal(average_over_clips(over_time[..., 0], counts), average_over_clips(over_time[:3, :, 0], counts))


@pytest.mark.parametrize(
    ("num_frames", "counts", "message"),
    [
        ([[500]], None, "num_frames has 1 durations, input_features 2 clips"),
        ([[500], [0]], None, r"num_frames\[1\] is 0, but the clip has 1 windows of 1000 hops"),
        ([[480_000], [500]], None, r"num_frames\[0\] is 480000, .*: give ceil\(samples / hop_length\)"),
        ([[900]], [2], r"num_frames\[0\] is 900, but the clip has 2 windows"),
    ],
)
def test_durations_that_do_not_fit_are_named(num_frames, counts, message):
    with pytest.raises(ValueError, match=message):
        measure_durations(torch.tensor(num_frames), counts and torch.tensor(counts), 2, 1001)


@pytest.fixture(scope="module")
def extractor():
    return TeminalFeatureExtractor(truncation="rand_trunc", frequency_min=50)


def test_the_extractor_gives_the_duration_of_each_clip(extractor):
    clips = [torch.randn(n_samples) for n_samples in (144_000, 144_001, 480_000, 504_000, 100)]
    features = extractor(clips, sampling_rate=48_000)
    assert features["num_frames"].tolist() == [[300], [301], [1000], [1050], [1]]
    assert features["num_frames"].dtype == torch.long
    assert extractor(clips, "head", sampling_rate=48_000)["num_frames"].tolist() == [[300], [301], [1000], [1000], [1]]
    assert extractor(clips[0], sampling_rate=16_000)["num_frames"].tolist() == [[900]]
    assert extractor(clips, sampling_rate=48_000, return_tensors="np")["num_frames"].shape == (5, 1)
    rows = [dict(extractor(clip, sampling_rate=48_000)) for clip in clips]
    for row in rows[:2]:  # with the leading 1 and without
        row.update({name: value[0] for name, value in row.items()})
    padded = extractor.pad(rows[:2])
    assert padded["num_frames"].tolist() == [[300], [301]]
    padded = extractor.pad(rows[2:])
    assert padded["num_frames"].flatten().tolist() == [1000, 1050, 1]


def test_an_extractor_can_leave_durations_out(extractor, tmp_path):
    silent = TeminalFeatureExtractor(**{**extractor.to_dict(), "return_num_frames": False})
    silent.save_pretrained(tmp_path)
    for one in (silent, TeminalFeatureExtractor.from_pretrained(tmp_path)):
        assert set(one(torch.randn(48_000), sampling_rate=48_000)) == {"input_features", "is_longer"}
