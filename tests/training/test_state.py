"""Test weight decay, moving averages and interpolated weights."""

import copy

import pytest
import torch
from accelerate import Accelerator
from peft import PeftModel

from teminal.training.config import TrainingConfig
from teminal.training.models import add_adapters, interpolate
from teminal.training.stages import StageConfig
from teminal.training.state import StageState, copy_weights, make_optimizer, trained_weights, using_weights

STAGE = StageConfig(max_train_steps=10)


def test_matrices_alone_decay(tiny_clap):
    optimizer, scheduler = make_optimizer(
        tiny_clap[0], STAGE, TrainingConfig(model_name_or_path="clap", warmup_ratio=0.2)
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


def test_the_text_encoder_may_have_a_learning_rate_of_its_own(tiny_clap):
    stage = StageConfig(max_train_steps=10, learning_rate=1e-3, text_learning_rate=1e-5)
    optimizer, _ = make_optimizer(tiny_clap[0], stage, TrainingConfig(model_name_or_path="clap", warmup_ratio=0.0))
    rate_of = {id(weight): group["lr"] for group in optimizer.param_groups for weight in group["params"]}
    for name, weight in tiny_clap[0].named_parameters():
        assert rate_of[id(weight)] == (1e-5 if name.startswith("text_model.") else 1e-3)


def test_a_share_of_the_tuned_weights(tiny_clap):
    base = copy_weights(tiny_clap[0])
    tuned = {name: weight + 1 for name, weight in base.items()}
    assert all(torch.equal(weight, tuned[name]) for name, weight in interpolate(base, tuned, 1.0).items())
    for name, weight in interpolate(base, tuned, 0.25).items():
        assert torch.allclose(weight, base[name] + 0.25)


def test_a_share_of_adapters_is_that_share_of_their_effect(tiny_clap, inputs):
    model = add_adapters(copy.deepcopy(tiny_clap[0]), "audio", rank=2, alpha=2)
    assert isinstance(model, PeftModel)
    base = copy_weights(model)
    for name, weight in trained_weights(model).items():
        torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(len(name)))
    tuned = copy_weights(model)
    layer = next(module for module in model.modules() if hasattr(module, "lora_A") and module.lora_A)
    whole = layer.get_delta_weight("default").clone()
    with using_weights(model, interpolate(base, tuned, 0.25)):
        assert torch.allclose(layer.get_delta_weight("default"), 0.25 * whole, atol=1e-6)
    assert torch.equal(layer.get_delta_weight("default"), whole)


def test_the_running_mean(tiny_clap):
    model = copy.deepcopy(tiny_clap[0])
    state = StageState(Accelerator(cpu=True), model, STAGE, TrainingConfig(model_name_or_path="clap", ema_decay=0.9))
    state.mean = {name: torch.zeros_like(weight) for name, weight in state.mean.items()}
    for _ in range(2):
        state.update()  # without gradients, so that no weight moves
    for name, weight in trained_weights(model).items():
        assert torch.allclose(state.mean[name], 0.19 * weight, atol=1e-7)
