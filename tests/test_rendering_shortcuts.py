"""Duration, level, peak, silence and level over time do not tell the variants of a group apart."""

import os

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from teminal.clips import build_bank
from teminal.event_loops import EVENT_SAMPLES, SAMPLING_RATE
from teminal.rendering import OVERLAY_SNR_DB, render_group
from teminal.sampling.layouts import BACKGROUND_DB, draw_layout, layout_kind
from teminal.scenes import TEN_SECONDS, VARIANTS, Layout
from teminal.sources import load_clips

SEVERAL = VARIANTS[1:]
N_GROUPS = 96  # of each kind
N_PARTS = 10
SIGMAS = 3


def draw_layout_of_kind(rng, kind, n_events, duration_s):
    """Draw layouts until one is of a kind, and stretch it to a duration."""
    while layout_kind(drawn := draw_layout(rng, n_events)) != kind:
        pass
    stretch = duration_s / drawn.duration_s
    return Layout(duration_s, tuple((onset_s * stretch, length_s * stretch) for onset_s, length_s in drawn.slots))


def draw_group(rng, bank, kind, n_events, duration_s, has_background):
    """Render the variants of a group with several events, of different classes, as training draws them."""
    labels = rng.choice(bank.classes, n_events + 1, replace=False).tolist()
    offsets = rng.integers(0, EVENT_SAMPLES, n_events + 1).tolist()
    clips = [rng.choice(bank.by_class[label]) for label in labels]
    loops = [
        np.roll(bank.loops[clip], -offset).astype(np.float32) for clip, offset in zip(clips, offsets, strict=True)
    ]
    layout = TEN_SECONDS if kind == "equal parts" else draw_layout_of_kind(rng, kind, n_events, duration_s)
    scenes = render_group(
        *loops[:n_events],
        snr_db=float(rng.uniform(*OVERLAY_SNR_DB)),
        layout=layout,
        background=loops[-1] if has_background else None,
        background_db=float(rng.uniform(*BACKGROUND_DB)),
    )
    return [scenes[variant] for variant in SEVERAL]


def shallow_features(scene):
    """Duration, level and peak (to a millionth), share of silent frames of 20 ms, and the power of each tenth."""
    power = np.square(scene, dtype=np.float64)
    frames = power[: len(power) // 960 * 960].reshape(-1, 960).mean(1)
    parts = [part.mean() for part in np.array_split(power, N_PARTS)]
    level, peak = round(power.mean() ** 0.5, 6), round(float(np.abs(scene).max()), 6)
    return [len(scene) / SAMPLING_RATE, level, peak, (frames < 1e-6).mean(), *parts]


def features_of_groups(bank, kind, has_background, seed=0):
    """(N_GROUPS, variants, features) of groups of two to four events, of 3, 10 and a few of 25 s."""
    rng = np.random.default_rng(seed)
    features = []
    for number in range(N_GROUPS):
        duration_s = 25.0 if number % 8 == 7 else (3.0, 10.0)[number % 2]
        scenes = draw_group(rng, bank, kind, 2 + number % 3, duration_s, has_background)
        features.append([shallow_features(scene) for scene in scenes])
    return np.array(features)


def is_told(features):
    """Whether a classifier tells variants apart within groups that it was not trained on, better than by chance."""
    within = features - features.mean(1, keepdims=True)
    train, test = within[: len(within) // 2], within[len(within) // 2 :]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    classifier.fit(np.concatenate(train), np.tile(range(len(SEVERAL)), len(train)))
    right = classifier.predict(np.concatenate(test)).reshape(len(test), -1) == range(len(SEVERAL))
    accuracies = right.mean(1)  # of the groups; variants of a group are not independent
    return accuracies.mean() > 1 / len(SEVERAL) + SIGMAS * accuracies.std() / len(test) ** 0.5 + 1e-6


@pytest.fixture(
    scope="module",
    params=[("equal parts", False), ("touching", False), ("gaps", False), ("overlap", False), ("overlap", True)],
    ids=["equal parts", "touching", "gaps", "overlap", "overlap over a background"],
)
def features(request, bank):
    return features_of_groups(bank, *request.param)


def test_variants_are_not_told_by_shallow_features(features):
    assert not is_told(features)
    for feature in range(features.shape[2]):
        assert not is_told(features[..., [feature]]), feature


@pytest.mark.parametrize(
    ("feature", "tell"),
    [(0, 0.02), (1, 0.0005), (2, 0.01), (3, 0.004), (4 + 7, 0.002)],
    ids=["duration", "level", "peak", "silence", "a part"],
)
def test_a_planted_tell_is_found(features, feature, tell):
    planted = features.copy()
    planted[:, SEVERAL.index("overlay"), feature] += tell
    assert is_told(planted)


@pytest.mark.esc50
@pytest.mark.skipif("TEMINAL_ESC50_DIR" not in os.environ, reason="set TEMINAL_ESC50_DIR to real ESC-50")
@pytest.mark.parametrize("kind", ["equal parts", "touching", "gaps", "overlap"])
def test_variants_of_real_clips_are_not_told_by_shallow_features(kind):
    bank = build_bank(load_clips("esc50", [4], esc50_dir=os.environ["TEMINAL_ESC50_DIR"]))
    for has_background in (False, True):
        assert not is_told(features_of_groups(bank, kind, has_background))
