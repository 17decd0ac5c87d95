"""Tools that act on modules when they are called: offloading, hooks, parametrised adapters, int8."""

import copy

import pytest
import torch
from accelerate import cpu_offload, disk_offload
from peft import LoraConfig, get_peft_model
from torch import nn

from modeling_teminal import TeminalConfig, TeminalModel

from .test_audio_tower import SMALL, TEXT


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = TeminalModel(TeminalConfig(audio_config=SMALL, text_config=TEXT, projection_dim=16, temporal_head=True))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.fixture
def inputs():
    ids = torch.arange(3, 21).view(3, 6)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "input_features": torch.randn(3, 1, 120, 32)}


@torch.no_grad()
def embeds(model, inputs):
    output = model(**inputs)
    return torch.cat([output.audio_embeds, output.text_embeds])


@pytest.mark.parametrize("where", ["cpu", "disk"])
def test_offloaded_weights_give_the_same_numbers(model, inputs, tmp_path, where):
    expected = embeds(model, inputs)
    if where == "cpu":
        cpu_offload(model, execution_device=torch.device("cpu"))
    else:
        disk_offload(model, str(tmp_path), execution_device=torch.device("cpu"))
    assert model.temporal_head.layer.self_attn.in_proj_weight.device.type == "meta"
    assert (embeds(model, inputs) - expected).abs().max() <= 1e-6


def test_every_module_with_weights_is_called(model, inputs):
    called = set()
    names = {
        module: name for name, module in model.named_modules() if next(module.parameters(False), None) is not None
    }
    for module in names:
        module.register_forward_hook(lambda module, *_: called.add(module))
    embeds(model, inputs)
    assert not {name for module, name in names.items() if module not in called}


@pytest.mark.parametrize("target", ["relative_position_bias_table", "in_proj_weight"])
def test_adapters_on_parameters_count(model, inputs, target):
    expected = embeds(model, inputs)
    config = LoraConfig(r=2, target_parameters=[target], target_modules=[], init_lora_weights=False)
    adapted = get_peft_model(copy.deepcopy(model), config)
    changed = embeds(adapted, inputs)
    assert (changed - expected)[:3].abs().max() > 1e-4
    assert (embeds(adapted.merge_and_unload(), inputs) - changed).abs().max() <= 1e-5
