import itertools

import pytest

from teminal.scenes import VARIANTS, Caption, Scene, holds, true_captions, variant_scene

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
