"""Backgrounds count as sounds of a row: they must not leak between splits, nor make a held-out pair in training."""

import pytest

from teminal.clips import Clip
from teminal.dataset.leaks import background_labels, leaked_sources, unseen_in_training
from teminal.dataset.rows import group_rows
from teminal.sampling.groups import Mix, draw_group
from teminal.sampling.pools import LabelledPool

LABELS = ["bell", "cat", "dog", "rain", "siren", "wind"]
CLIPS = [
    Clip(f"{label}-{i}", label, 1, f"{label}-{i}", None, license="cc0-1.0", attribution=f"{label} by {i}")
    for label in LABELS
    for i in range(3)
]
MIX = Mix(0.3, (-3, 3), (0.1, 0.5), free_layout_share=1.0)


@pytest.fixture(params=["with audio", "recipes"])
def rows(request):
    """Training rows; those with audio tell their background by its credit alone."""
    pool = LabelledPool(CLIPS, range(len(CLIPS)), LABELS, "train")
    found = [row for number in range(80) for row in group_rows(draw_group(pool, "x", 0, MIX, number), CLIPS)]
    if request.param == "with audio":
        for row in found:
            del row["render"]
    return found


def test_backgrounds_are_named_by_recipes_and_by_credits(rows):
    pool = LabelledPool(CLIPS, range(len(CLIPS)), LABELS, "train")
    groups = [draw_group(pool, "x", 0, MIX, number) for number in range(80)]
    expected = {group.group_id: group.composition.background for group in groups if group.composition.background}
    assert len(expected) > 10
    assert background_labels(rows) == {group: CLIPS[index].label for group, (index,) in expected.items()}


def test_a_background_that_makes_a_held_out_pair_is_found(rows):
    assert not list(unseen_in_training(rows, []))
    group, background = next(iter(background_labels(rows).items()))
    labels = next(row for row in rows if row["group_id"] == group)["events"]
    pair = sorted([background, labels[0]["label"]])
    lines = list(unseen_in_training(rows, [pair]))
    assert any(line.startswith(f"held-out pair in training: {group} has ") for line in lines)


def test_a_background_of_another_split_is_found(rows):
    groups = background_labels(rows)
    group = next(iter(groups))
    of_group = [row for row in rows if row["group_id"] == group]
    kept = [
        {**row, "split": "test"}
        for row in rows
        if groups[group] in {event["label"] for event in row["events"]} and row["group_id"] not in groups
    ]
    own = {event["clip"] for row in of_group for event in row["events"]}
    kept = [row for row in kept if not own & {event["clip"] for event in row["events"]}]
    leaks = list(leaked_sources([*of_group, *kept]))
    assert any(groups[group] in line for line in leaks)
