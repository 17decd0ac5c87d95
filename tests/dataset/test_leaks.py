"""Backgrounds count as sounds of a row: they must not leak between splits, nor make a held-out pair in training."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from teminal.clips import Clip
from teminal.dataset.leaks import leaked_sources, unseen_in_training
from teminal.dataset.rows import encode_flac, group_rows, read_rows, row_features
from teminal.sampling.groups import Group
from teminal.scenes import Composition

LABELS = ("bell", "cat", "dog", "rain", "siren", "wind")
BELL, CAT, DOG, RAIN, SIREN, WIND = range(6)
CAPTIONS = (("single", "a"), ("before", "b"), ("before", "c"), ("while", "d"))
SOUND = {"bytes": encode_flac(np.full(4800, 0.1, np.float32)), "path": "x.flac"}


def clips_by(*people):
    """A clip of each class, credited to one person after the other; to nobody without any."""
    credits = [people[number % len(people)] if people else "" for number in range(len(LABELS))]
    return [
        Clip(f"{label}.wav", label, 1, license="cc0-1.0", attribution=person)
        for label, person in zip(LABELS, credits, strict=True)
    ]


@pytest.fixture(params=[True, False], ids=["with audio", "recipes"])
def read(request, tmp_path):
    """Writes groups of (split, two events, background or `None`) as a dataset, and reads its rows."""

    def write_and_read(clips, *groups):
        rows = []
        for number, (split, events, background) in enumerate(groups):
            composition = Composition(
                clips=events,
                background=() if background is None else (background,),
                offsets=(0, 0) if background is None else (0, 0, 0),
                background_db=10.0,
                variant="forward",
            )
            labels = tuple(LABELS[event] for event in events)
            group = Group(f"x-{number}", split, 1, composition, labels, CAPTIONS, True)
            rows += group_rows(group, clips)
        if request.param:
            rows = [{**row, "audio": SOUND} for row in rows]
        schema = row_features(includes_audio=request.param).arrow_schema
        pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "x.parquet")
        return read_rows(tmp_path)

    return write_and_read


@pytest.mark.parametrize("people", [(), ("somebody",), LABELS])
def test_a_background_of_another_split_is_found_whoever_is_credited(read, people):
    clips = clips_by(*people)
    rows = read(clips, ("train", (BELL, CAT), WIND), ("test", (DOG, WIND), None), ("test", (DOG, RAIN), None))
    of_clips = [line for line in leaked_sources(rows) if ".wav" in line]
    assert of_clips == ["leaked source: wind.wav is in test and train"]


@pytest.mark.parametrize("people", [(), ("somebody",), LABELS])
def test_a_background_that_makes_a_held_out_pair_is_found_whoever_is_credited(read, people):
    clips = clips_by(*people)
    rows = read(clips, ("train", (BELL, CAT), WIND), ("train", (DOG, RAIN), None), ("test", (SIREN, CAT), WIND))
    assert not list(unseen_in_training(rows, [["dog", "wind"]]))
    lines = list(unseen_in_training(rows, [["cat", "wind"]]))
    assert lines == ["held-out pair in training: x-0 has bell and cat and wind"] * 3  # all but the single sound


def test_two_events_of_one_person_over_a_background_are_no_leak(read):
    clips = clips_by("somebody", "somebody", "another", "another", "a third", "a third")
    rows = read(clips, ("train", (BELL, CAT), DOG), ("train", (DOG, RAIN), CAT), ("test", (SIREN, WIND), None))
    assert not list(leaked_sources(rows))
    assert not list(unseen_in_training(rows, [["bell", "rain"], ["bell", "siren"]]))
