import itertools
import math

import pytest

from teminal.rendering import event_times
from teminal.scenes import (
    TEN_SECONDS,
    VARIANTS,
    Caption,
    Composition,
    Layout,
    Scene,
    background_captions,
    holds,
    in_groups,
    true_captions,
    variant_scene,
)

SEQUENCE, OVERLAY, SINGLE = Scene("sequence", ("x", "y")), Scene("overlay", ("x", "y")), Scene("single", ("x",))
THREE = Scene("sequence", ("x", "y", "z"))


@pytest.mark.parametrize(
    ("caption", "true_of"),
    [
        (Caption("single", ("x",)), {SEQUENCE, OVERLAY, SINGLE, THREE}),
        (Caption("single", ("z",)), {THREE}),
        (Caption("and", ("y", "x")), {SEQUENCE, OVERLAY, THREE}),
        (Caption("before", ("x", "y")), {SEQUENCE, THREE}),
        (Caption("before", ("y", "x")), set()),
        (Caption("after", ("y", "x")), {SEQUENCE, THREE}),
        (Caption("after", ("x", "y")), set()),
        (Caption("while", ("x", "y")), {OVERLAY}),
        (Caption("while", ("y", "x")), {OVERLAY}),
        (Caption("then", ("x", "y", "z")), {THREE}),
        (Caption("then", ("x", "z", "y")), set()),
        (Caption("before", ("x", "z")), {THREE}),
    ],
)
def test_truth(caption, true_of):
    assert {scene for scene in (SEQUENCE, OVERLAY, SINGLE, THREE) if holds(caption, scene)} == true_of


LAYOUTS = {
    "equal parts": [TEN_SECONDS] * 3,
    "touching": [
        Layout(10.0, ((0.0, 2.0), (2.0, 8.0))),
        Layout(6.0, ((0.0, 1.0), (1.0, 2.0), (3.0, 3.0))),
        Layout(8.0, ((0.0, 2.0), (2.0, 3.0), (5.0, 1.0), (6.0, 2.0))),
    ],
    "gaps": [
        Layout(10.0, ((2.0, 1.5), (5.0, 1.5))),
        Layout(25.0, ((0.0, 3.0), (8.0, 9.0), (20.0, 4.0))),
        Layout(4.0, ((0.2, 0.6), (1.0, 0.8), (2.0, 0.5), (3.0, 0.9))),
    ],
    "overlap": [
        Layout(10.0, ((0.0, 6.0), (4.0, 6.0))),
        Layout(3.0, ((0.0, 1.2), (0.8, 1.2), (1.8, 1.2))),
        Layout(9.0, ((0.0, 3.0), (2.0, 3.0), (4.5, 2.0), (6.0, 3.0))),
    ],
}


def is_true(caption, times):
    """Whether a caption is true of events, label -> (start, end), by their times alone.

    "while" is said of events that sound all the time together, "before" of one that starts and ends before another.
    """
    for label in caption.labels:
        if label not in times:
            return False
    if caption.relation in ("single", "and"):
        return True
    if caption.relation == "while":
        x, y = (times[label] for label in caption.labels)
        return x == y
    labels = caption.labels[::-1] if caption.relation == "after" else caption.labels
    for number in range(len(labels) - 1):
        (start, end), (next_start, next_end) = times[labels[number]], times[labels[number + 1]]
        if not (start < next_start and end < next_end):
            return False
    return True


@pytest.mark.parametrize("background", [None, "b"])
@pytest.mark.parametrize("n_events", [2, 3, 4])
@pytest.mark.parametrize("kind", LAYOUTS)
def test_truth_is_that_of_the_times_of_the_events(kind, n_events, background):
    layout, events = LAYOUTS[kind][n_events - 2], "wxyz"[:n_events]
    captions = [Caption("single", (label,)) for label in "bwxyz"]
    for relation in ("and", "before", "after", "while"):
        captions += [Caption(relation, labels) for labels in itertools.permutations("bwxyz", 2)]
    for n_labels in (2, 3, 4):
        captions += [Caption("then", labels) for labels in itertools.permutations("bwxyz", n_labels)]
    heard = [(variant, variant_scene(variant, *events, background=background)) for variant in VARIANTS]
    for order in itertools.permutations(events):
        heard.append(("forward", variant_scene("forward", *order, background=background)))
    n_true = 0
    for variant, scene in heard:
        slots = event_times(variant, n_events, layout)
        times = {}
        for label, (onset_s, duration_s) in zip(scene.labels, slots, strict=True):
            times[label] = (onset_s, onset_s + duration_s)
        for caption in captions:
            expected = is_true(caption, times)
            assert holds(caption, scene) == expected, (caption, scene)
            n_true += expected
    assert n_true > 10 * n_events


def test_a_partial_overlap_is_an_order_and_no_overlay():
    """DESIGN: x starts and ends before y does, so that "before" is true and "while" is not."""
    layout = LAYOUTS["overlap"][0]
    (x_start, x_s), (y_start, y_s) = event_times("forward", 2, layout)
    assert x_start < y_start < x_start + x_s < y_start + y_s
    scene = variant_scene("forward", "x", "y")
    assert holds(Caption("before", ("x", "y")), scene)
    assert holds(Caption("after", ("y", "x")), scene)
    assert not holds(Caption("while", ("x", "y")), scene)


def test_captions_that_name_the_background_are_not_true_and_are_listed():
    scenes = [variant_scene(v, "x", "y", background=background) for v in VARIANTS for background in ("b", "c", None)]
    captions = [Caption(r, p) for r in ("and", "before", "after", "while") for p in itertools.permutations("bcxy", 2)]
    captions += [Caption("single", (label,)) for label in "bcxy"]
    captions += [Caption("then", labels) for labels in itertools.permutations("bxy")]
    for scene, found in zip(scenes, background_captions(captions, scenes), strict=True):
        naming = []
        for index, caption in enumerate(captions):
            for label in caption.labels:
                if label == scene.background:
                    naming.append(index)
                    assert not holds(caption, scene)
        assert found == naming
        assert bool(found) == (scene.background is not None)


def test_true_captions_are_those_that_hold():
    scenes = [variant_scene(v, x, y) for v in VARIANTS for x, y in itertools.permutations("abc", 2)]
    captions = [Caption(r, p) for r in ("and", "before", "after", "while") for p in itertools.permutations("abcd", 2)]
    captions += [Caption("single", (label,)) for label in "abcd"]
    for scene, found in zip(scenes, true_captions(captions, scenes), strict=True):
        assert found == [index for index, caption in enumerate(captions) if holds(caption, scene)]


@pytest.mark.parametrize(
    ("kind", "relation", "labels"),
    [
        (Scene, "sequence", ("x", "x")),
        (Scene, "overlay", ("x",)),
        (Scene, "before", ("x", "y")),
        (Caption, "sequence", ("x", "y")),
        (Caption, "while", ("x", "y", "z")),
    ],
)
def test_impossible_scenes_and_captions_are_refused(kind, relation, labels):
    with pytest.raises(ValueError, match=r"label|relation"):
        kind(relation, labels)


def test_a_background_that_is_an_event_is_refused():
    with pytest.raises(ValueError, match="background must differ from the events"):
        variant_scene("overlay", "x", "y", background="y")


@pytest.mark.parametrize(
    ("duration_s", "slots", "culprit"),
    [
        (2.9, (), r"duration_s=2.9.*3 to 60 s"),
        (60.1, (), r"duration_s=60.1.*3 to 60 s"),
        (math.nan, (), r"duration_s=nan.*3 to 60 s"),
        (10.0, ((0.0, 10.0),), r"two to 4 slots"),
        (10.0, tuple((2.0 * number, 2.0) for number in range(5)), r"two to 4 slots"),
        (10.0, ((-0.1, 2.0), (5.0, 5.0)), r"slot \(-0.1, 2.0\)"),
        (10.0, ((0.0, 0.49), (5.0, 5.0)), r"slot \(0.0, 0.49\) is shorter than 0.5 s"),
        (4.0, ((0.0, 1.0), (2.0, 0.39)), r"slot \(2.0, 0.39\) is shorter than 0.4 s"),
        (10.0, ((0.0, 5.0), (5.0, 5.1)), r"slot \(5.0, 5.1\)"),
        (10.0, ((0.0, math.nan), (5.0, 5.0)), r"slot \(0.0, nan\)"),
        (10.0, ((math.inf, 1.0), (5.0, 5.0)), r"slot \(inf, 1.0\)"),
        (10.0, ((0.0, 5.0), (4.0, 2.9)), r"slots at 0 and 4 s overlap by 1 s"),
        (10.0, ((0.0, 5.0), (4.99, 5.0)), r"slots at 0 and 4.99 s overlap by 0.01 s"),
        (10.0, ((5.0, 5.0), (0.0, 5.0)), r"slots at 5 and 0 s overlap by 10 s"),
    ],
)
def test_impossible_layouts_are_refused_with_the_culprit(duration_s, slots, culprit):
    with pytest.raises(ValueError, match=culprit):
        Layout(duration_s, slots)


def test_layouts_at_the_limits_are_taken():
    Layout(3.0, ((0.0, 0.3), (0.3, 2.7)))
    Layout(60.0, ((0.0, 0.5), (59.5, 0.5)))
    Layout(10.0, ((0.0, 6.0), (4.0, 6.0)))
    Layout(10.0, ((0.1, 0.2 + 0.7), (1.0, 9.0)))  # 0.1 + 0.9 is not quite 1


def test_a_layout_places_as_many_events_as_it_has_slots():
    assert TEN_SECONDS.place(4) == [(0.0, 2.5), (2.5, 2.5), (5.0, 2.5), (7.5, 2.5)]
    layout = Layout(6.0, ((0.5, 1.0), (3.0, 2.0)))
    assert layout.place(2) == [(0.5, 1.0), (3.0, 2.0)]
    with pytest.raises(ValueError, match="has 2 slots for 3 events"):
        layout.place(3)


def test_groups_are_adjacent_variants_and_orders_of_one_composition():
    first = [Composition((0, 1, 2), variant=variant) for variant in VARIANTS]
    first.append(Composition((0, 1, 2), variant="forward", order=(1, 0, 2)))
    other_layout = Composition((0, 1, 2), layout=Layout(6.0), variant="forward")
    other_background = Composition((0, 1, 2), (3,), variant="forward")
    clips = [Composition((0,)), Composition((0,))]
    groups = in_groups([*first, other_layout, other_background, *clips])
    assert groups == [first, [other_layout], [other_background], clips[:1], clips[1:]]
