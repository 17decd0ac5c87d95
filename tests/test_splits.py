from collections import Counter

import pytest

from teminal.clips import Clip
from teminal.dataset.build import plan_drawn
from teminal.sampling.groups import Mix
from teminal.splits import split_clips, split_pairs

LABELS = ["cat", "dog", "rain", "siren", "wind"]
MIX = Mix(three_event_share=0.5, snr_db=(-3, 3), gap_s=(0.1, 0.5))


def clips_of(folds, per_class=2):
    return [
        Clip(f"{label}-{fold}-{i}", label, fold, f"{label}-{fold}-{i}", None)
        for label in LABELS
        for fold in folds
        for i in range(per_class)
    ]


@pytest.mark.parametrize(
    ("folds", "expected"),
    [
        ([1, 2, 3, 4, 5], {"train": {1, 2, 3}, "validation": {4}, "test": {5}}),
        ([1, 2], {"train": {1}, "test": {2}}),
        ([3], {"train": {3}}),
    ],
)
def test_the_last_folds_are_held_out(folds, expected):
    clips, splits = split_clips(clips_of(folds))
    assert {split: {clips[index].fold for index in indices} for split, indices in splits.items()} == expected


def test_chosen_folds():
    clips, splits = split_clips(clips_of([1, 2, 3]), validation_folds=[], test_folds=[1, 3])
    assert {split: {clips[index].fold for index in indices} for split, indices in splits.items()} == {
        "train": {2},
        "test": {1, 3},
    }


def test_a_recording_in_two_folds_stays_in_the_one_for_testing(caplog):
    clips = [*clips_of([1, 2, 3]), Clip("a", "cat", 1, "same", None), Clip("b", "dog", 2, "same", None)]
    clips += [Clip("c", "dog", 3, "other", None), Clip("d", "cat", 2, "other", None)]
    kept, splits = split_clips(clips)
    assert {clip.name for clip in clips} - {clip.name for clip in kept} == {"a", "d"}
    assert "b" in {kept[index].name for index in splits["validation"]}
    assert "left out a: its recording same is held out" in caplog.text


def groups_of(plan):
    return [group for n_groups, draw in plan.values() for group, _ in map(draw, range(n_groups))]


def test_groups_keep_to_their_fold_their_split_and_the_pairs_that_are_held_out():
    clips, splits = split_clips(clips_of([1, 2, 3, 4]))
    groups = groups_of(plan_drawn(clips, LABELS, splits, {}, 301, "x", 0, MIX))
    assert Counter(group.split for group in groups) == {"train": 150, "validation": 76, "test": 75}
    _, unseen = split_pairs(LABELS)
    seen_of = {}
    for group in groups:
        labels, clips_of_group = sorted(group.labels), [clips[index] for index in group.composition.clips]
        assert len(set(labels)) == len(labels)
        assert {clip.label for clip in clips_of_group} == set(labels)
        assert {clip.fold for clip in clips_of_group} == {group.fold}
        has_unseen = any(set(pair) <= set(labels) for pair in unseen)
        assert group.seen_pair == (not has_unseen)
        seen_of.setdefault(group.split, set()).add(group.seen_pair)
    assert seen_of == {"train": {True}, "validation": {True, False}, "test": {True, False}}
    assert {len(group.labels) for group in groups} == {2, 3}


def test_a_group_depends_on_its_number_seed_and_config_alone():
    clips, splits = split_clips(clips_of([1, 2, 3]))
    plan = plan_drawn(clips, LABELS, splits, {}, 40, "x", 0, MIX)
    _, draw = plan["train"]
    group, rows = draw(5)
    assert draw(5) == (group, rows)
    for config, seed in (("y", 0), ("x", 1)):
        _, draw_other = plan_drawn(clips, LABELS, splits, {}, 40, config, seed, MIX)["train"]
        assert draw_other(5)[0].composition != group.composition


def test_a_split_with_nothing_to_compose_is_left_out_and_said(caplog):
    clips, splits = split_clips(clips_of([1, 2, 3]))
    skipped = {index: "silent audio" for index in splits["validation"] if clips[index].label != "cat"}
    plan = plan_drawn(clips, LABELS, splits, skipped, 40, "x", 0, MIX)
    assert set(plan) == {"train", "test"}
    assert "no validation split" in caplog.text
    with pytest.raises(ValueError, match="nothing to compose"):
        plan_drawn(clips, LABELS, splits, dict.fromkeys(range(len(clips)), "silent audio"), 40, "x", 0, MIX)


def test_split_pairs_holds_out_a_fifth_whatever_the_order_of_labels():
    labels = [f"class {i}" for i in range(50)]
    seen, unseen = split_pairs(labels)
    assert len(unseen) == 245
    assert len(seen) == 980
    assert not set(seen) & set(unseen)
    assert split_pairs(labels[::-1]) == (seen, unseen)
    assert split_pairs(labels, seed=1) != (seen, unseen)
