"""Learned embeddings of scenes follow a formula."""

import pytest
import torch
from torch.nn import functional as F

from teminal.scenes import Scene
from teminal.training.text_warmup import SceneAnchors

CLASSES = ["bell", "cat", "dog", "rain", "wind"]
SCENES = [
    Scene("single", ("dog",)),
    Scene("sequence", ("dog", "rain")),
    Scene("sequence", ("rain", "dog")),
    Scene("sequence", ("dog", "rain", "cat")),
    Scene("sequence", ("cat", "dog", "bell", "rain")),
    Scene("overlay", ("dog", "rain")),
    Scene("overlay", ("rain", "dog")),
    Scene("overlay", ("wind", "rain", "dog")),
]


@pytest.fixture
def anchors():
    class_embeds = F.normalize(torch.randn(5, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    return SceneAnchors(class_embeds, CLASSES, torch.Generator().manual_seed(1))


def reference(anchors, scene):
    """Sum of one embedding per sound: slot 0 if overlaid, slot n for sound n; a single sound is the first and second."""
    total = torch.zeros(16)
    if scene.relation == "single":
        label = CLASSES.index(scene.labels[0])
        total = anchors.slots[1, label] + anchors.slots[2, label]
    for position, label in enumerate(scene.labels if scene.relation != "single" else ()):
        slot = 0 if scene.relation == "overlay" else position + 1
        total = total + anchors.slots[slot, CLASSES.index(label)]
    return total / total.norm()


def test_anchors_are_sums_of_slots(anchors):
    embeds = anchors(SCENES)
    torch.testing.assert_close(embeds, torch.stack([reference(anchors, scene) for scene in SCENES]))
    torch.testing.assert_close(embeds[5], embeds[6])  # overlaid sounds have no order
    assert (embeds[1] - embeds[2]).norm() > 0.1


def test_gradients_reach_the_slots_of_the_sounds_alone(anchors):
    anchors([Scene("sequence", ("cat", "dog", "bell", "rain"))]).sum().backward()
    touched = anchors.slots.grad.abs().sum(-1).nonzero().tolist()
    assert touched == [[1, 1], [2, 2], [3, 0], [4, 3]]


def test_a_fifth_sound_of_a_sequence_is_refused(anchors):
    with pytest.raises(ValueError, match="at most 4 sounds"):
        anchors([Scene("sequence", tuple(CLASSES))])
