"""Recipes keep all that the audio of a group is rendered from."""

import numpy as np
import pyarrow as pa

from teminal.dataset.rows import group_from_rows, group_rows, row_features
from teminal.rendering import render
from teminal.sampling.groups import Mix, draw_group
from teminal.sampling.pools import LabelledPool
from teminal.scenes import VARIANTS

MIX = Mix(0.3, (-3, 3), (0.1, 0.5), four_event_share=0.2, free_layout_share=0.7)


def test_a_recipe_gives_the_same_waveforms(bank):
    pool = LabelledPool(bank.clips, range(len(bank.clips)), bank.classes, "test")
    groups = [draw_group(pool, "x", 0, MIX, number) for number in range(12)]
    assert {len(group.labels) for group in groups} == {2, 3, 4}
    assert any(group.composition.background for group in groups)
    assert not all(group.composition.layout.slots for group in groups)
    clip_index = {clip.name: index for index, clip in enumerate(bank.clips)}
    schema = row_features(includes_audio=False).arrow_schema
    for group in groups:
        rows = pa.Table.from_pylist(group_rows(group, bank.clips), schema).to_pylist()
        found = group_from_rows(rows, clip_index)
        assert (found.group_id, found.labels, found.captions) == (group.group_id, group.labels, group.captions)
        waveforms = zip(*(render(one.compositions(), bank.loops, bank.raw) for one in (group, found)), strict=True)
        for variant, (expected, rendered) in zip(VARIANTS, waveforms, strict=True):
            assert np.array_equal(expected, rendered), (group.group_id, variant)
        for row in rows:
            background = [bank.clips[index].name for index in group.composition.background]
            assert not {event["clip"] for event in row["events"]} & set(background)
            assert row["render"]["clips"][len(group.labels) :] == background
