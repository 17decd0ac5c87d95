"""Recipes keep all that the audio of a group is rendered from."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teminal.clips import Clip
from teminal.dataset.render import read_recipes
from teminal.dataset.report import read_report, report_shard
from teminal.dataset.rows import group_from_rows, group_rows, row_features
from teminal.rendering import render
from teminal.sampling.groups import Group, Mix, draw_group
from teminal.sampling.pools import make_pool
from teminal.scenes import VARIANTS, Composition

from ..built import make_build

MIX = Mix(0.3, (-3, 3), (0.1, 0.5), four_event_share=0.2, free_layout_share=0.7)


def test_a_recipe_gives_the_same_waveforms(bank):
    pool = make_pool(bank.clips, range(len(bank.clips)), bank.classes, "test")
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
            if background:
                (index,) = group.composition.background
                expected = {"label": bank.clips[index].label, "clip": bank.clips[index].name}
                assert row["background"] == {**expected, "level_db": group.composition.background_db}
            else:
                assert row["background"] is None


def test_a_background_without_a_class_is_named_by_its_caption():
    captions = ("A dog barks", "Rain falls on a roof", "An engine idles")
    clips = [Clip(f"{number}.wav", captions=(caption,)) for number, caption in enumerate(captions)]
    composition = Composition((0, 1), (2,), (0, 0, 0), background_db=7.5, variant="forward")
    said = [("single", "a"), ("before", "b"), ("before", "c"), ("while", "d")]
    rows = group_rows(Group("x", "test", None, composition, captions[:2], tuple(said), None), clips)
    expected = {"label": "An engine idles", "clip": "2.wav", "level_db": 7.5}
    assert [row["background"] for row in rows] == [expected] * 4


def test_recipes_of_another_version_are_refused(tmp_path):
    make_build(tmp_path, "clotho", n_shards=1, includes_audio=False)
    shard = tmp_path / "clotho" / "train-00000-of-00001.parquet"
    table = pq.read_table(shard)
    renders = [{**how, "background_db": None} for how in table["render"].to_pylist()]
    pq.write_table(table.set_column(table.column_names.index("render"), "render", pa.array(renders)), shard)
    report = read_report(tmp_path / "clotho")
    report["splits"]["train"]["shards"] = [report_shard(shard)]
    (tmp_path / "clotho" / "build_report.json").write_text(json.dumps(report))
    with pytest.raises(ValueError, match="recipes of another version; build them again"):
        read_recipes(tmp_path / "clotho")
