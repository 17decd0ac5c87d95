"""Test the gradients of a batch, whole and in parts."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from modeling_teminal import TeminalModel
from teminal.features import compute_features
from teminal.sampling.training import TrainingSampler
from teminal.training.batches import BatchComposer
from teminal.training.config import TrainingConfig
from teminal.training.stages import StageConfig
from teminal.training.step import TrainingStep

WEIGHTS = {"in_group_weight": 1.0, "replay_weight": 1.0, "event_weight": 1.0, "naming_weight": 1.0}
SETTINGS = StageConfig(per_device_train_batch_size=3, replay_batch_size=2, **WEIGHTS)


@pytest.fixture(autouse=True)
def no_accelerator_left():
    yield
    AcceleratorState._reset_state()


@pytest.fixture
def batch(bank, tiny_clap):
    return BatchComposer(TrainingSampler(bank), tiny_clap[1].feature_extractor, "joint", SETTINGS, seed=0)[0]


def gradients(model, processor, batch, dropout, dynamo_backend="no", **recipe):
    model = copy.deepcopy(model).train()
    model.audio_model.audio_encoder.batch_norm.eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = dropout
    torch.manual_seed(0)
    AcceleratorState._reset_state()  # it keeps the backend of the first accelerator
    accelerator = Accelerator(cpu=True, dynamo_backend=dynamo_backend)
    config = TrainingConfig(model_name_or_path="clap", **recipe)
    step = TrainingStep(accelerator, model, processor.tokenizer, config)
    assert (step.prepared_model is model) == (dynamo_backend == "no")
    losses = step.backward(batch, SETTINGS)
    return losses, {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("mini_batch_size", [1, 4, 100])
def test_mini_batches_give_loss_and_gradients_of_the_whole(tiny_clap, batch, mini_batch_size):
    losses, whole = gradients(*tiny_clap, batch, 0.0)
    assert set(losses) == {"loss", "tnce", "in_group", "replay", "event", "naming"}
    in_parts, parts = gradients(*tiny_clap, batch, 0.0, mini_batch_size=mini_batch_size, loss_chunk_size=3)
    for name, loss in losses.items():
        assert torch.allclose(loss, in_parts[name], rtol=1e-5), name
    for name, gradient in whole.items():
        assert torch.allclose(gradient, parts[name], rtol=1e-4, atol=1e-5), name
    assert whole["logit_scale_a"].abs() > 0


@pytest.mark.parametrize(("mini_batch_size", "n_passes"), [(0, 1), (100, 2)])
def test_processes_with_one_and_with_several_mini_batches_go_the_same_way(
    tiny_clap, batch, monkeypatch, mini_batch_size, n_passes
):
    with_gradients, embed = [], TrainingStep._embed

    def note_and_embed(*args):
        with_gradients.append(torch.is_grad_enabled())
        return embed(*args)

    monkeypatch.setattr(TrainingStep, "_embed", note_and_embed)
    gradients(*tiny_clap, batch, 0.0, mini_batch_size=mini_batch_size)
    assert with_gradients == [False, True][-n_passes:]


@pytest.mark.parametrize("mini_batch_size", [1, 5])
def test_mini_batches_of_clips_of_any_length_give_the_gradients_of_the_whole(tiny_clap, batch, mini_batch_size):
    base, processor = tiny_clap
    model = TeminalModel(TeminalModel.config_class.from_dict(base.config.to_dict() | {"temporal_head": True}))
    model.load_state_dict(base.state_dict(), strict=False)
    torch.nn.init.normal_(model.temporal_head.output.weight)
    rng = np.random.default_rng(0)
    seconds = np.resize([3, 10, 25, 60, 7], len(batch.features))
    clips = [rng.standard_normal(48_000 * n).astype(np.float32) for n in seconds]
    batch = replace(batch, features=compute_features(processor.feature_extractor, [clips]))
    losses, whole = gradients(model, processor, batch, 0.0)
    in_parts, parts = gradients(model, processor, batch, 0.0, mini_batch_size=mini_batch_size)
    for name, loss in losses.items():
        assert torch.allclose(loss, in_parts[name], rtol=1e-5), name
    for name, gradient in whole.items():
        assert (parts[name] - gradient).norm() <= 1e-4 * gradient.norm().clamp(min=1e-3), name
    assert whole["temporal_head.position_embeddings"].abs().max() > 0


def test_captions_are_embedded_in_the_order_they_are_given(tiny_clap):
    model, tokenizer = copy.deepcopy(tiny_clap[0]), tiny_clap[1].tokenizer
    step = TrainingStep(Accelerator(cpu=True), model, tokenizer, TrainingConfig(model_name_or_path="clap"))
    captions = ["rain before a siren and a bell", "a bell", "rain", "wind, then a siren", "a siren while it rains"]
    embeds = step.encode_text(captions)
    for caption, embed in zip(captions, embeds, strict=True):
        torch.testing.assert_close(step.encode_text([caption])[0], embed)


def test_an_embedding_that_is_not_finite_is_told(tiny_clap, batch):
    batch.features.windows[0] = float("nan")
    with pytest.raises(FloatingPointError, match="an embedding is not finite"):
        gradients(*tiny_clap, batch, 0.0)


def test_a_compiled_model_has_the_gradients_of_an_eager_one(tiny_clap, batch):
    _, eager = gradients(*tiny_clap, batch, dropout=0.0)
    _, compiled = gradients(*tiny_clap, batch, dropout=0.0, dynamo_backend="aot_eager")
    for name, gradient in eager.items():  # both are as far from that in float64: they round differently
        scale = gradient.norm().clamp(min=1e-3)  # that of a key.bias is 0 but for rounding
        assert (compiled[name] - gradient).norm() <= 1e-4 * scale, name
