"""What of a model is trained."""

import copy

import pytest

from teminal.training.models import freeze, require_layers


def test_frozen_layers_are_the_inputs_and_the_first_layers(tiny_clap):
    model = copy.deepcopy(tiny_clap[0])
    deeper = copy.deepcopy(model.text_model.encoder.layer[0])
    model.text_model.encoder.layer.append(deeper)
    freeze(model, 1, learn_temperature=False)
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert {"logit_scale_a", "logit_scale_t", "text_model.embeddings.word_embeddings.weight"} <= frozen
    assert "text_model.encoder.layer.0.output.dense.weight" in frozen
    assert "audio_model.audio_encoder.layers.0.blocks.0.output.dense.weight" in frozen
    trained = set(dict(model.named_parameters())) - frozen
    assert {"text_model.encoder.layer.1.output.dense.weight", "audio_projection.linear1.weight"} <= trained
    assert "audio_model.audio_encoder.layers.0.blocks.1.output.dense.weight" in trained
    with pytest.raises(ValueError, match="--freeze_layers 2: the text tower has 2 layers"):
        require_layers(model, 2)
