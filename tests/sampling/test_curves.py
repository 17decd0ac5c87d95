"""Points of robustness curves: layouts are valid, differ in one property, and have the same sounds."""

import pytest

from teminal.sampling.curves import CURVES, draw_curve_scenes, name_point
from teminal.sampling.zste import draw_scenes
from teminal.scenes import TEN_SECONDS, Layout


@pytest.fixture(scope="module")
def groups(bank):
    return draw_scenes(bank, 80, seed=0)[2]


@pytest.fixture(scope="module")
def scenes(groups):
    return draw_curve_scenes(groups, seed=0)


def test_every_point_has_the_sounds_of_a_quarter_of_the_scenes_in_order(groups, scenes):
    assert list(scenes) == [name_point(curve, value) for curve, values in CURVES.items() for value in values]
    for point, heard in scenes.items():
        assert len(heard) == 20
        for group, (composition, scene) in zip(groups, heard, strict=False):
            assert (composition.clips, composition.variant) == (group.clips[:2], "forward")
            assert (scene.relation, scene.labels) == ("sequence", group.labels[:2])
            has_background = point.startswith("background") and not point.endswith("None")
            assert composition.background == (group.clips[2:] if has_background else ())
            assert scene.background == (group.labels[2] if has_background else None)


def test_gaps(scenes):
    for gap_s in CURVES["gap_s"]:
        onsets_s = []
        for composition, _ in scenes[name_point("gap_s", gap_s)]:
            (onset_s, first_s), (next_s, second_s) = composition.layout.slots
            assert composition.layout.duration_s == 10
            assert (first_s, second_s, next_s - onset_s - first_s) == pytest.approx((2, 2, gap_s))
            onsets_s.append(onset_s)
        assert min(onsets_s) < (6 - gap_s) / 5
        assert max(onsets_s) > (6 - gap_s) * 4 / 5


def test_ratios(scenes):
    for ratio in CURVES["duration_ratio"]:
        of_first = set()
        for composition, _ in scenes[name_point("duration_ratio", ratio)]:
            (onset_s, first_s), (next_s, second_s) = composition.layout.place(2)
            assert (onset_s, next_s, first_s + second_s) == pytest.approx((0, first_s, 10))
            assert max(first_s, second_s) / min(first_s, second_s) == pytest.approx(ratio, rel=1e-3)
            of_first.add(first_s > 5)
        assert of_first == ({True, False} if ratio > 1 else {False})


def test_lengths_and_backgrounds(scenes):
    for duration_s in CURVES["duration_s"]:
        assert {of.layout for of, _ in scenes[name_point("duration_s", duration_s)]} == {Layout(duration_s)}
    for background_db in CURVES["background_db"]:
        heard = [composition for composition, _ in scenes[name_point("background_db", background_db)]]
        assert {composition.layout for composition in heard} == {TEN_SECONDS}
        assert {composition.background_db for composition in heard} == {background_db or 0}


def test_scenes_depend_on_the_seed_alone(groups, scenes):
    assert draw_curve_scenes(groups, seed=0) == scenes
    assert draw_curve_scenes(groups, seed=1) != scenes
    assert len(draw_curve_scenes(groups[:1], seed=0)[name_point("gap_s", 0.0)]) == 1
