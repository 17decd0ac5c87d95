"""Groups of datasets: shares of layouts and events, held-out pairs with backgrounds, and the fixed ones of task 6."""

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from teminal.clips import Clip
from teminal.sampling.groups import Mix, draw_group, draw_task6_group
from teminal.sampling.layouts import TASK6, equal_parts, layout_kind
from teminal.sampling.pools import make_pool
from teminal.scenes import TEN_SECONDS, Layout
from teminal.splits import split_pairs

LABELS = ["bell", "cat", "dog", "rain", "siren", "wind"]
CLIPS = [Clip(f"{label}-{i}", label, 1, f"{label}-{i}", None) for label in LABELS for i in range(3)]
HALVES = Mix(0.2, (-3, 3), (0.1, 0.5))
FREE = replace(HALVES, four_event_share=0.1, free_layout_share=0.6, max_duration_s=20.0)


def pool(split, clips=CLIPS, labels=LABELS):
    return make_pool(clips, range(len(clips)), labels, split)


def draw(split, mix, n=1000, config="x", seed=0):
    of_split = pool(split)
    return [draw_group(of_split, config, seed, mix, number) for number in range(n)]


def test_shares_are_as_asked_for():
    groups = draw("test", FREE)
    n_events = Counter(len(group.labels) for group in groups)
    assert n_events[2] == pytest.approx(700, abs=60)
    assert n_events[3] == pytest.approx(200, abs=50)
    assert n_events[4] == pytest.approx(100, abs=40)
    compositions = [group.composition for group in groups]
    in_equal_parts = {group.composition.layout for group in draw("test", replace(FREE, free_layout_share=0.0))}
    free = [one for one in compositions if one.layout not in in_equal_parts]
    assert len(free) == pytest.approx(600, abs=60)
    assert sum(bool(one.background) for one in free) == pytest.approx(150, abs=40)
    assert not any(one.background for one in compositions if one not in free)
    assert all(5 <= one.background_db <= 20 for one in free if one.background)
    assert all(3 <= one.layout.duration_s <= 20 for one in free)
    assert max(one.layout.duration_s for one in free) > 10
    kinds = Counter(layout_kind(one.layout) for one in free)
    assert all(kinds[kind] == pytest.approx(200, abs=45) for kind in ("touching", "gaps", "overlap"))


def test_pairs_that_are_held_out_never_meet_in_training_with_the_background_among_them():
    _, unseen = split_pairs(LABELS)
    assert unseen
    met = {split: set() for split in ("train", "test")}
    for split, pairs in met.items():
        for group in draw(split, replace(FREE, free_layout_share=1.0)):
            background = [CLIPS[index].label for index in group.composition.background]
            assert not set(background) & set(group.labels)
            pairs.update(itertools.combinations(sorted([*group.labels, *background]), 2))
            of_events = set(itertools.combinations(sorted(group.labels), 2))
            assert group.seen_pair == (not of_events & set(unseen))
    assert not met["train"] & set(unseen)
    assert met["test"] > set(unseen)


def test_groups_without_a_free_layout_do_not_depend_on_how_many_have_one():
    plain, mixed = draw("train", HALVES, 300), draw("train", replace(HALVES, free_layout_share=0.5), 300)
    kept = [group for group, other in zip(plain, mixed, strict=True) if group == other]
    assert 100 < len(kept) < 200
    for group, other in zip(plain, mixed, strict=True):
        assert replace(other, composition=group.composition) == group
    assert draw("train", FREE, 50) == draw("train", FREE, 50)
    assert draw("train", FREE, 50) != draw("train", FREE, 50, seed=1)


def test_groups_of_task_6_take_turns_and_have_its_layouts():
    test_pool = pool("test")
    groups = [draw_task6_group(test_pool, "zste", 0, FREE, number) for number in range(7 * 20)]
    assert [group.group_id for group in groups[:8]] == [*(f"zste-{task}-000000" for task in TASK6), "zste-6A-000001"]
    for number, group in enumerate(groups):
        task, composition = TASK6[number % 7], group.composition
        assert len(group.labels) == len(composition.clips) == 2
        assert len(composition.background) == (task == "6D")
        if task == "6D":
            assert composition.background_db == 10
            assert CLIPS[composition.background[0]].label not in group.labels
        durations = {"6E": 4.0, "6F": 20.0, "6G": 60.0}
        assert composition.layout.duration_s == durations.get(task, 10.0)
        if task in ("6D", *durations):
            assert composition.layout == Layout(durations.get(task, 10.0))
    assert {group.composition.layout.slots for group in groups[::7]} == {((0, 2), (2, 8)), ((0, 8), (8, 2))}
    assert {group.seen_pair for group in groups} == {True, False}
    of_two_classes = pool("test", CLIPS[:6], LABELS[:2])
    with pytest.raises(ValueError, match="6D have a background, so they need clips of three classes"):
        draw_task6_group(of_two_classes, "zste", 0, FREE, TASK6.index("6D"))


@pytest.mark.parametrize(
    ("layout", "kind"),
    [
        (TEN_SECONDS, "equal parts"),
        (Layout(9.0, ((0.0, 3.0), (3.0, 3.0), (6.0, 3.0))), "equal parts"),
        (Layout(9.0, ((0.0, 3.0), (3.0, 6.0))), "touching"),
        (equal_parts(2, 0.2), "equal parts"),
        (equal_parts(4, 0.5), "equal parts"),
        (Layout(9.0, ((0.0, 4.0), (5.0, 4.0))), "equal parts"),
        (Layout(9.0, ((0.5, 3.5), (5.0, 3.5))), "gaps"),
        (Layout(9.0, ((0.0, 3.5), (4.5, 3.5))), "gaps"),
        (Layout(9.0, ((0.0, 3.0), (4.0, 5.0))), "gaps"),
        (Layout(9.0, ((0.0, 2.0), (2.5, 2.0), (7.0, 2.0))), "gaps"),
        (Layout(9.0, ((0.0, 3.5), (3.0, 2.0), (6.0, 3.0))), "overlap"),
    ],
)
def test_kinds_of_layouts(layout, kind):
    assert layout_kind(layout) == kind
