"""Learned embeddings of scenes follow a formula, and the warm-up moves the text tower alone."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from teminal.captions import say
from teminal.sampling.training import TrainingSampler
from teminal.scenes import Caption, Scene
from teminal.training.batches import BatchComposer
from teminal.training.objective import naming_loss
from teminal.training.stages import StageConfig
from teminal.training.text_warmup import SceneAnchors, warm_up_text

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
    """Sum one turned embedding per sound: by matrix 0 if overlaid, else n for sound n; a single one by 1 and by 2."""
    total = torch.zeros(16)
    if scene.relation == "single":
        label = CLASSES.index(scene.labels[0])
        total = anchors.slots[1] @ anchors.classes[label] + anchors.slots[2] @ anchors.classes[label]
    for position, label in enumerate(scene.labels if scene.relation != "single" else ()):
        slot = 0 if scene.relation == "overlay" else position + 1
        total = total + anchors.slots[slot] @ anchors.classes[CLASSES.index(label)]
    return total / total.norm()


def test_anchors_are_sums_of_turned_classes(anchors):
    embeds = anchors(SCENES)
    torch.testing.assert_close(embeds, torch.stack([reference(anchors, scene) for scene in SCENES]))
    torch.testing.assert_close(embeds[5], embeds[6])  # overlaid sounds have no order
    assert (embeds[1] - embeds[2]).norm() > 0.1


def test_gradients_reach_the_sounds_and_their_places_alone(anchors):
    anchors([Scene("sequence", ("cat", "dog", "bell", "rain"))]).sum().backward()
    assert anchors.classes.grad.abs().sum(-1).nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert anchors.slots.grad.abs().sum((1, 2)).nonzero().flatten().tolist() == [1, 2, 3, 4]


def test_a_fifth_sound_of_a_sequence_is_refused(anchors):
    with pytest.raises(ValueError, match="at most 4 sounds"):
        anchors([Scene("sequence", tuple(CLASSES))])


def warm_up(tiny_clap, bank, hold_weight, **options):
    """Warm up a copy of the tiny model; returns it, how far its class captions moved, and the texts of each step."""
    model, tokenizer, encoded = deepcopy(tiny_clap[0]), tiny_clap[1].tokenizer, []

    def encode(texts):
        encoded.append(texts)
        return model.get_text_features(**tokenizer(texts, padding=True, return_tensors="pt")).pooler_output

    options = {"text_warmup_steps": 4, "text_warmup_batch_size": 5, "max_events": 4, **options}
    stage = StageConfig(text_warmup_hold_weight=hold_weight, **options)
    composer = BatchComposer(TrainingSampler(bank), tiny_clap[1].feature_extractor, "B", stage, seed=0)
    captions = composer.sampler.class_captions
    before = encode(captions).detach()
    loss, anchors = warm_up_text(model, encode, composer, SimpleNamespace(received=0), show_progress=False)
    moved = 1 - (encode(captions) * before).sum(-1).mean().item()
    assert loss > 0
    assert anchors.classes.shape == (len(bank.classes), before.shape[1])
    assert anchors.slots.shape == (5, before.shape[1], before.shape[1])
    return model, moved, [set(texts) for texts in encoded[2:-1]]


def test_the_warm_up_moves_the_text_tower_and_holds_class_captions_if_asked(tiny_clap, bank):
    free, moved_freely, texts = warm_up(tiny_clap, bank, hold_weight=0.0)
    held, moved_held, held_texts = warm_up(tiny_clap, bank, hold_weight=1000.0)
    assert 0 < moved_held < moved_freely / 2
    assert len(texts) == len(held_texts) == 4
    assert all(len(more) > len(fewer) for more, fewer in zip(held_texts, texts, strict=True))
    for model in (free, held):
        for name, weight in tiny_clap[0].named_parameters():
            if name.startswith(("audio_", "logit_scale")):
                assert weight.equal(model.get_parameter(name)), name
        assert not tiny_clap[0].text_projection.linear1.weight.equal(model.text_projection.linear1.weight)


def test_the_warm_up_keeps_the_input_embeddings_of_a_text_tower_that_its_stage_fixes(tiny_clap, bank):
    model, _, _ = warm_up(tiny_clap, bank, hold_weight=0.0, text_learning_rate=0.0)
    before, after = tiny_clap[0].text_model, model.text_model
    for name, weight in before.embeddings.named_parameters():
        assert weight.equal(after.embeddings.get_parameter(name)), name
    assert not before.encoder.layer[0].output.dense.weight.equal(after.encoder.layer[0].output.dense.weight)


def test_the_warm_up_draws_captions_to_the_classes_that_they_name_if_asked(tiny_clap, bank):
    named = torch.zeros(len(bank.classes), len(bank.classes), dtype=torch.bool)
    captions = []
    for first in range(len(bank.classes)):
        second = (first + 1) % len(bank.classes)
        named[first, [first, second]] = True
        captions.append(say(Caption("before", (bank.classes[first], bank.classes[second]))))
    losses = []
    for weight in (0.0, 10.0):
        options = {"naming_weight": weight, "text_warmup_steps": 40, "text_warmup_learning_rate": 5e-3}
        model, _, _ = warm_up(tiny_clap, bank, hold_weight=20.0, **options)
        singles = [say(Caption("single", (label,))) for label in bank.classes]
        tokens = tiny_clap[1].tokenizer(captions + singles, padding=True, return_tensors="pt")
        embeds, class_embeds = model.get_text_features(**tokens).pooler_output.split(len(singles))
        losses.append(naming_loss(embeds, class_embeds, named, model.logit_scale_a.exp()).item())
    assert losses[1] < 0.95 * losses[0]
