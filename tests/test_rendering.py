import os

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from teminal.clips import build_bank
from teminal.rendering import (
    CREST_DB,
    EVENT_SAMPLES,
    OVERLAY_SNR_DB,
    PEAK,
    RMS,
    SAMPLING_RATE,
    SCENE_S,
    SCENE_SAMPLES,
    event_loop,
    event_times,
    limit_crest,
    render_group,
)
from teminal.scenes import VARIANTS
from teminal.sources import load_clips


def random_groups(bank, n_groups, seed, n_events=None):
    """Yield loops (EVENT_SAMPLES,) of two or three classes in turn with the keywords of `render_group`."""
    rng = np.random.default_rng(seed)
    for i in range(n_groups):
        labels = rng.choice(bank.classes, n_events or 2 + i % 2, replace=False).tolist()
        loops = [bank.loops[rng.choice(bank.by_class[label])].astype(np.float32) for label in labels]
        snr_db, gap_s = float(rng.uniform(*OVERLAY_SNR_DB)), float(rng.choice([0.0, rng.uniform(0.1, 0.5)]))
        yield loops, {"snr_db": snr_db, "gap_s": gap_s}


def shallow_features(waveforms):
    """(B, 4): duration, RMS in dB, peak in dB, share of 20 ms frames under -60 dB of full scale."""
    frames = waveforms.reshape(len(waveforms), -1, 960).double().square().mean(2).sqrt()
    return torch.stack(
        [
            torch.full((len(waveforms),), waveforms.shape[1] / 48_000, dtype=torch.double),
            20 * waveforms.double().square().mean(1).sqrt().log10(),
            20 * waveforms.double().abs().amax(1).log10(),
            (frames < 1e-3).double().mean(1),
        ],
        dim=1,
    ).numpy()


def relation_accuracy(bank, n_groups=120):
    """Held-out accuracy of telling forward, reversed and overlay apart by shallow features, and its chance sd."""
    groups = [render_group(*loops, **drawn) for loops, drawn in random_groups(bank, n_groups, seed=0)]
    features = [
        shallow_features(torch.from_numpy(np.stack([group[variant] for group in groups]))) for variant in VARIANTS[1:]
    ]
    relations = [np.full(n_groups, VARIANTS.index(variant)) for variant in VARIANTS[1:]]
    half = n_groups // 2
    train_x, train_y = np.concatenate([f[:half] for f in features]), np.concatenate([r[:half] for r in relations])
    test_x, test_y = np.concatenate([f[half:] for f in features]), np.concatenate([r[half:] for r in relations])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train_x, train_y)
    return classifier.score(test_x, test_y), (1 / 3 * 2 / 3 / len(test_y)) ** 0.5


def test_shallow_features_do_not_tell_the_relation(bank):
    accuracy, deviation = relation_accuracy(bank)
    assert accuracy <= 1 / 3 + 2.5 * deviation


@pytest.mark.esc50
@pytest.mark.skipif("TEMINAL_ESC50_DIR" not in os.environ, reason="set TEMINAL_ESC50_DIR to real ESC-50")
def test_shallow_features_do_not_tell_the_relation_of_real_clips():
    clips = load_clips("esc50", [4], esc50_dir=os.environ["TEMINAL_ESC50_DIR"])
    accuracy, deviation = relation_accuracy(build_bank(clips))
    assert accuracy <= 1 / 3 + 2.5 * deviation


def test_every_variant_has_the_same_duration_level_peak_and_edges(bank):
    for loops, drawn in random_groups(bank, 12, seed=1):
        scenes = torch.from_numpy(np.stack(list(render_group(*loops, **drawn).values())))
        assert scenes.shape == (4, SCENE_SAMPLES)
        silent = (scenes.reshape(4, -1, 480) == 0).all(2)
        assert (silent == silent[0]).all()
        assert silent[0].any() == (drawn["gap_s"] > 0)
        assert torch.allclose(scenes.double().square().mean(1).sqrt(), torch.full((4,), RMS).double(), rtol=1e-6)
        peaks = scenes.abs().amax(1)
        assert peaks.max() <= RMS * 10 ** (CREST_DB / 20) * (1 + 1e-5)
        assert (peaks[1:].max() - peaks[1:].min()) <= 1e-5 * peaks.max()
        assert scenes[:, [0, -1]].abs().max() == 0


def similarity(part, other):
    return np.corrcoef(part, other)[0, 1]


def test_halves_hold_the_events_in_order(bank):
    (x, y), _ = next(random_groups(bank, 1, seed=2, n_events=2))
    scenes = render_group(x, y, snr_db=1.0)
    for variant, first, second in (("forward", x, y), ("reversed", y, x), ("single", x, x)):
        assert similarity(scenes[variant][5000 : EVENT_SAMPLES - 5000], first[5000:-5000]) > 0.97
        assert similarity(scenes[variant][EVENT_SAMPLES + 5000 : -5000], second[5000:-5000]) > 0.97


def test_parts_of_three_events_lie_where_event_times_says(bank):
    loops, _ = next(random_groups(bank, 1, seed=3, n_events=3))
    scenes = render_group(*loops, snr_db=0.0, gap_s=0.4)
    for variant, order in (("forward", loops), ("reversed", loops[::-1])):
        times = event_times(variant, 3, 0.4)
        assert sum(duration_s for _, duration_s in times) == pytest.approx(SCENE_S - 2 * 0.4)
        for (onset_s, duration_s), loop in zip(times, order, strict=True):
            start, end = (round(s * SAMPLING_RATE) for s in (onset_s + 0.05, onset_s + duration_s - 0.05))
            begin = start % (SCENE_SAMPLES // 3)
            alike = [similarity(scenes[variant][start:end], other[begin:][: end - start]) for other in loops]
            assert max(alike) == similarity(scenes[variant][start:end], loop[begin:][: end - start]) > 0.97
    assert event_times("overlay", 3, 0.4) == [(0.0, SCENE_S)] * 3
    assert event_times("forward", 2, 0.0) == [(0.0, 5.0), (5.0, 5.0)]


def test_levels_of_an_overlay(bank):
    (x, y), _ = next(random_groups(bank, 1, seed=5, n_events=2))
    overlay = render_group(x, y, snr_db=3.0)["overlay"][:EVENT_SAMPLES]
    gains = np.linalg.lstsq(np.stack([x, y], axis=1), overlay, rcond=None)[0]
    assert 20 * np.log10(gains[0] / gains[1]) == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize("spikes", [0, 5, 2000, 100_000])
def test_the_limiter_meets_level_and_peak_at_once(spikes):
    rng = np.random.default_rng(0)
    waveform = rng.standard_normal(SCENE_SAMPLES).astype(np.float32)
    waveform[rng.integers(0, SCENE_SAMPLES, spikes)] *= 30
    limited = limit_crest(waveform.copy(), PEAK)
    assert np.sqrt(np.mean(limited.astype(np.float64) ** 2)) == pytest.approx(RMS, rel=1e-6)
    assert np.abs(limited).max() <= PEAK * (1 + 1e-6)
    unclipped = np.abs(limited) < PEAK * 0.99
    assert np.ptp(limited[unclipped] / waveform[unclipped]) < 1e-6


@pytest.mark.parametrize("sound_s", [0.03, 0.4, 1.7, 5.0])
def test_event_loop_drops_silence_and_closes_without_a_click(sound_s):
    t = np.arange(int(sound_s * 48_000)) / 48_000
    sound = np.sin(2 * np.pi * 300 * t) * np.random.default_rng(0).uniform(0.5, 1, len(t))
    clip = np.concatenate([np.zeros(30_000), sound, np.zeros(100_000), sound]).astype(np.float32)
    loop = event_loop(clip)
    assert loop.shape == (EVENT_SAMPLES,)
    assert np.sqrt(np.mean(loop.astype(np.float64) ** 2)) == pytest.approx(RMS, rel=1e-4)
    frames = np.sqrt((loop.reshape(-1, 960).astype(np.float64) ** 2).mean(1))
    assert frames.min() > 0.1 * RMS


def test_rendering_is_reproducible(bank):
    (loops, drawn), _ = random_groups(bank, 2, seed=4)
    first, second = (render_group(*loops, **drawn) for _ in range(2))
    assert all(np.array_equal(first[variant], second[variant]) for variant in VARIANTS)
