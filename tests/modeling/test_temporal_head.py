"""The temporal head's layer: the numbers it always had, and every part of it called."""

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from modeling_teminal import TeminalConfig, TeminalModel
from modeling_teminal.temporal_head_teminal import TransformerLayer

from ..conftest import TINY_SCRATCH


@pytest.fixture
def model():
    """A tiny model whose head, biases and norms are not what they are at the start."""
    torch.manual_seed(0)
    parts = {name: TINY_SCRATCH[name] for name in ("audio_config", "text_config")}
    model = TeminalModel(TeminalConfig(**parts, projection_dim=16, temporal_head=True))
    for parameter in model.temporal_head.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture
def features():
    return {"input_features": torch.randn(3, 1, 120, 32, generator=torch.Generator().manual_seed(0))}


@torch.no_grad()
def embed(model, features):
    return model.get_audio_features(**features).pooler_output


@pytest.mark.parametrize("inference", [False, True])
def test_keys_and_numbers_are_those_of_the_torch_layer(inference):
    torch.manual_seed(0)
    torch_layer = nn.TransformerEncoderLayer(
        32, nhead=4, dim_feedforward=64, dropout=0.0, norm_first=True, batch_first=True
    ).eval()
    for parameter in torch_layer.parameters():
        nn.init.normal_(parameter, std=0.1)
    layer = TransformerLayer(32, num_heads=4).eval()
    assert list(layer.state_dict()) == list(torch_layer.state_dict())
    layer.load_state_dict(torch_layer.state_dict())
    hidden = torch.randn(5, 8, 32)
    with torch.inference_mode(inference):
        assert (layer(hidden) - torch_layer(hidden)).abs().max() <= 1e-6


def test_a_hidden_size_that_the_heads_do_not_share_is_named():
    with pytest.raises(ValueError, match="hidden_size=30 must be a multiple of the temporal head's 4 heads"):
        TransformerLayer(30, num_heads=4)


@pytest.mark.parametrize("target_modules", [["linear1", "linear2"], ["out_proj"], "all-linear"])
def test_an_adapter_on_the_head_counts_in_evaluation(model, features, target_modules):
    base = embed(model, features)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=target_modules, init_lora_weights=False))
    for name in ("audio_projection", "audio_model"):  # what changes is the head's alone
        for key, parameter in getattr(adapted.base_model.model, name).named_parameters():
            if "lora_B" in key:
                nn.init.zeros_(parameter)
    adapted.train()
    adapted.base_model.model.audio_model.eval()
    trained = embed(adapted, features)
    assert (trained - base).abs().max() > 1e-2
    assert (embed(adapted.eval(), features) - trained).abs().max() <= 1e-6
    assert (embed(adapted.merge_and_unload(), features) - trained).abs().max() <= 1e-5


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_int8_runs_and_is_close(model, features):
    expected = embed(model, features)
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    assert "quantized" in type(quantised.temporal_head.layer.linear1).__module__
    assert torch.cosine_similarity(embed(quantised, features), expected).min() > 0.99


@pytest.mark.slow
def test_inductor_gives_the_numbers_of_eager(model, features, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    compiled = torch.compile(model.get_audio_features, fullgraph=True)
    with torch.no_grad():
        assert (compiled(**features).pooler_output - embed(model, features)).abs().max() <= 1e-5
