import numpy as np
import pytest

from teminal.event_loops import CREST_DB, EVENT_SAMPLES, PEAK, RMS, SAMPLING_RATE, event_loop, limit_crest
from teminal.rendering import (
    OVERLAY_SNR_DB,
    SCENE_SAMPLES,
    event_times,
    loop_part,
    render_group,
)
from teminal.sampling.layouts import draw_layout, equal_parts
from teminal.scenes import MAX_EVENTS, TEN_SECONDS, VARIANTS, Layout


def random_groups(bank, n_groups, seed, n_events=None):
    """Yield loops (EVENT_SAMPLES,) of two to four classes with the keywords of `render_group`.

    Every other group has the default layout, every third of the others a background.
    """
    rng = np.random.default_rng(seed)
    for i in range(n_groups):
        n = n_events or 2 + i % (MAX_EVENTS - 1)
        labels = rng.choice(bank.classes, n + 1, replace=False).tolist()
        loops = [bank.loops[rng.choice(bank.by_class[label])].astype(np.float32) for label in labels]
        drawn = {"snr_db": float(rng.uniform(*OVERLAY_SNR_DB))}
        if i % 2:
            drawn["layout"] = draw_layout(rng, n)
        if i % 6 == 1:
            drawn |= {"background": loops[-1], "background_db": float(rng.uniform(5, 20))}
        yield loops[:n], drawn


def test_every_variant_has_the_same_duration_level_peak_silence_and_edges(bank):
    for loops, drawn in random_groups(bank, 18, seed=1):
        layout, background_db = drawn.get("layout", TEN_SECONDS), drawn.get("background_db")
        orders = [tuple(np.roll(range(len(loops)), 1).tolist())]
        scenes = np.stack(list(render_group(*loops, **drawn, orders=orders).values())).astype(np.float64)
        assert scenes.shape == (5, round(layout.duration_s * SAMPLING_RATE))
        silent = scenes == 0
        if background_db is None:
            slots_s = sum(duration_s for _, duration_s in layout.place(len(loops)))
            loud_s = slots_s
            assert (silent[0].mean() > 0.01) == (covered(layout, len(loops)) < 0.99)
            assert (silent[:, ::480] == silent[0, ::480]).mean() > 0.999  # a sample of an event may be 0 by chance
            assert np.abs(scenes[:, [0, -1]]).max() == 0
        else:
            loud_s = sum(duration_s for _, duration_s in layout.place(len(loops)))
            loud_s += layout.duration_s * 10 ** (-background_db / 10)
        level = RMS * (loud_s / layout.duration_s) ** 0.5
        np.testing.assert_allclose(np.sqrt(np.square(scenes).mean(1)), level, rtol=1e-4)
        peaks = np.abs(scenes).max(1)
        assert peaks.max() <= RMS * 10 ** (CREST_DB / 20) * (1 + 1e-5)
        assert peaks[1:4].max() - peaks[1:4].min() <= 1e-5 * peaks.max()
        assert peaks[4] <= peaks[1] * (1 + 1e-5)


def covered(layout, n_events):
    """The share of a scene in which any event sounds."""
    sounding = np.zeros(round(1000 * layout.duration_s), bool)
    for onset_s, duration_s in layout.place(n_events):
        sounding[round(1000 * onset_s) : round(1000 * (onset_s + duration_s))] = True
    return sounding.mean()


def test_level_over_time_is_that_of_the_slots_in_every_variant():
    """Noise has the same level everywhere, so that the level over time shows the layout alone, and the same one."""
    rng = np.random.default_rng(0)
    loops = [event_loop(rng.standard_normal(5 * SAMPLING_RATE).astype(np.float32)) for _ in range(3)]
    layout = Layout(8.0, ((0.5, 2.0), (2.5, 2.4), (4.5, 1.5)))
    scenes = render_group(*loops, snr_db=2.0, layout=layout, orders=[(1, 0, 2)])
    expected = {0.25: 0, 1.5: 1, 2.5: 1, 3.0: 1, 4.7: 2, 5.5: 1, 6.5: 0}  # s -> how many events sound
    for scene in scenes.values():
        for time_s, n_sounding in expected.items():
            start = round((time_s - 0.05) * SAMPLING_RATE)
            power = np.square(scene[start : start + SAMPLING_RATE // 10], dtype=np.float64).mean()
            assert power == pytest.approx(n_sounding * RMS**2, rel=0.15)


def test_events_lie_in_their_slots(bank):
    for loops, drawn in random_groups(bank, 12, seed=7):
        if "background" in drawn:
            continue
        layout = drawn.get("layout", TEN_SECONDS)
        order = tuple(np.roll(range(len(loops)), 1).tolist())
        scenes = render_group(*loops, **drawn, orders=[order])
        forward = range(len(loops))
        for variant, placed in (("forward", forward), ("reversed", forward[::-1]), (order, order)):
            slots = layout.place(len(loops))
            for number, (event, (onset_s, duration_s)) in enumerate(zip(placed, slots, strict=True)):
                end_s = (
                    onset_s + duration_s
                    if number + 1 == len(slots)
                    else min(onset_s + duration_s, slots[number + 1][0])
                )
                start_s = onset_s if number == 0 else max(onset_s, sum(slots[number - 1]))
                start, end = round((start_s + 0.06) * SAMPLING_RATE), round((end_s - 0.06) * SAMPLING_RATE)
                begin = start - round(onset_s * SAMPLING_RATE)
                alike = [similarity(scenes[variant][start:end], loop_part(loop, begin, end - start)) for loop in loops]
                assert np.argmax(alike) == event
                assert max(alike) > 0.97


def similarity(part, other):
    return np.corrcoef(part, other)[0, 1]


def test_halves_hold_the_events_in_order(bank):
    (x, y), _ = next(random_groups(bank, 1, seed=2, n_events=2))
    scenes = render_group(x, y, snr_db=1.0)
    for variant, first, second in (("forward", x, y), ("reversed", y, x), ("single", x, x)):
        assert similarity(scenes[variant][5000 : EVENT_SAMPLES - 5000], first[5000:-5000]) > 0.97
        assert similarity(scenes[variant][EVENT_SAMPLES + 5000 : -5000], second[5000:-5000]) > 0.97


def test_event_times():
    layout = equal_parts(3, gap_s=0.5)
    assert sum(duration_s for _, duration_s in event_times("forward", 3, layout)) == pytest.approx(10 - 2 * 0.5)
    assert event_times("overlay", 3, layout) == [(0.0, pytest.approx(10))] * 3
    assert event_times("single", 2, Layout(6.0, ((1.0, 1.0), (3.0, 2.0)))) == [(1.0, 4.0)]
    assert event_times("forward", 2, TEN_SECONDS) == [(0.0, 5.0), (5.0, 5.0)]


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
    limited = limit_crest(waveform.copy(), PEAK, SCENE_SAMPLES)
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
