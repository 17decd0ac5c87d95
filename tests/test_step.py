"""One optimizer step: gradients in parts, what is frozen, which weights decay, and means of weights."""

import copy

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from peft import PeftModel

from teminal.sampling.training import TrainingSampler
from teminal.training.averages import copy_weights, interpolate, trained_weights, update_running_mean, weights_of
from teminal.training.batches import BatchComposer
from teminal.training.config import StageConfig, TrainingConfig
from teminal.training.lora import add_adapters
from teminal.training.optimization import freeze, make_optimizer, require_layers
from teminal.training.step import TrainingStep

WEIGHTS = {"in_group_weight": 1.0, "replay_weight": 1.0, "event_weight": 1.0}
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
    prepared = accelerator.prepare(model)
    assert (prepared is model) == (dynamo_backend == "no")
    config = TrainingConfig(model_name_or_path="clap", **recipe)
    step = TrainingStep(accelerator, prepared, model, processor.tokenizer, config)
    losses = step.backward(batch, SETTINGS)
    return losses, {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("mini_batch_size", [1, 4, 100])
def test_mini_batches_give_loss_and_gradients_of_the_whole(tiny_clap, batch, mini_batch_size):
    losses, whole = gradients(*tiny_clap, batch, 0.0)
    assert set(losses) == {"loss", "tnce", "in_group", "replay", "event"}
    in_parts, parts = gradients(*tiny_clap, batch, 0.0, mini_batch_size=mini_batch_size, loss_chunk_size=3)
    for name, loss in losses.items():
        assert torch.allclose(loss, in_parts[name], rtol=1e-5), name
    for name, gradient in whole.items():
        assert torch.allclose(gradient, parts[name], rtol=1e-4, atol=1e-5), name
    assert whole["logit_scale_a"].abs() > 0


def test_mini_batches_see_the_same_dropout_twice(tiny_clap, batch, monkeypatch):
    seen = []
    embed = TrainingStep._embed

    def watched(self, part):
        embeds = embed(self, part)
        seen.append(embeds[0].detach())
        return embeds

    monkeypatch.setattr(TrainingStep, "_embed", watched)
    gradients(*tiny_clap, batch, 0.3, mini_batch_size=4)
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert len(first) > 1
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert not torch.equal(first[0], embed_without_dropout(tiny_clap, batch)[: len(first[0])])


def embed_without_dropout(tiny_clap, batch):
    model, _ = tiny_clap
    with torch.no_grad():
        return model.eval().get_audio_features(batch.features).pooler_output


def test_an_embedding_that_is_not_finite_is_told(tiny_clap, batch):
    batch.features[0] = float("nan")
    with pytest.raises(FloatingPointError, match="an embedding is not finite"):
        gradients(*tiny_clap, batch, 0.0)


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


def test_matrices_alone_decay(tiny_clap):
    optimizer, scheduler = make_optimizer(
        tiny_clap[0], StageConfig(max_train_steps=10), TrainingConfig(model_name_or_path="clap", warmup_ratio=0.2)
    )
    decayed, others = optimizer.param_groups
    assert all(weight.ndim >= 2 for weight in decayed["params"])
    assert all(weight.ndim < 2 for weight in others["params"])
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    rates = []
    for _ in range(10):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates[0] == 0.0
    assert max(rates) == rates[2] == pytest.approx(1e-4)
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_a_share_of_the_tuned_weights(tiny_clap):
    base = copy_weights(trained_weights(tiny_clap[0]))
    tuned = {name: weight + 1 for name, weight in base.items()}
    assert all(torch.equal(weight, tuned[name]) for name, weight in interpolate(base, tuned, 1.0).items())
    for name, weight in interpolate(base, tuned, 0.25).items():
        assert torch.allclose(weight, base[name] + 0.25)


def test_a_share_of_adapters_is_that_share_of_their_effect(tiny_clap, inputs):
    model = add_adapters(copy.deepcopy(tiny_clap[0]), "audio", rank=2, alpha=2)
    assert isinstance(model, PeftModel)
    base = copy_weights(trained_weights(model))
    for name, weight in trained_weights(model).items():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(len(name)))
    tuned = copy_weights(trained_weights(model))
    layer = next(module for module in model.modules() if hasattr(module, "lora_A") and module.lora_A)
    whole = layer.get_delta_weight("default").clone()
    with weights_of(model, interpolate(base, tuned, 0.25)):
        assert torch.allclose(layer.get_delta_weight("default"), 0.25 * whole, atol=1e-6)
    assert torch.equal(layer.get_delta_weight("default"), whole)


def test_the_running_mean(tiny_clap):
    weights = trained_weights(tiny_clap[0])
    mean = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for _ in range(2):
        update_running_mean(mean, weights, decay=0.9)
    for name, weight in weights.items():
        assert torch.allclose(mean[name], 0.19 * weight, atol=1e-7)


def test_a_compiled_model_has_the_gradients_of_an_eager_one(tiny_clap, batch):
    _, eager = gradients(*tiny_clap, batch, dropout=0.0)
    _, compiled = gradients(*tiny_clap, batch, dropout=0.0, dynamo_backend="aot_eager")
    for name, gradient in eager.items():  # both are as far from that in float64: they round differently
        scale = gradient.norm().clamp(min=1e-3)  # that of a key.bias is 0 but for rounding
        assert (compiled[name] - gradient).norm() <= 1e-4 * scale, name
