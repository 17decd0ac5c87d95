import copy

import pytest
import torch
from transformers import ClapAudioConfig, ClapModel, ClapTextConfig
from transformers.models.clap.modeling_clap import ClapAudioLayer, ClapAudioModel, ClapTextModel

from modeling_teminal import TeminalConfig, TeminalModel, audio_teminal
from modeling_teminal.audio_teminal import TeminalAudioLayer, use_fast_layers
from modeling_teminal.text_teminal import TeminalTextSelfAttention
from teminal.training.launch import detect_bf16

SMALL = {
    "spec_size": 64,
    "num_mel_bins": 32,
    "patch_size": 4,
    "patch_stride": [4, 4],
    "patch_embeds_hidden_size": 16,
    "depths": [2, 3, 2],
    "num_attention_heads": [2, 4, 8],
    "hidden_size": 64,
    "window_size": 4,
    "hidden_dropout_prob": 0.0,
}
TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 99}
TOWERS = {
    "shifted windows": SMALL,
    "one window a clip": {**SMALL, "patch_size": 16, "patch_stride": [16, 16], "depths": [2]},
    "windows that do not tile": {**SMALL, "spec_size": 96, "num_mel_bins": 48},
    "fused": {**SMALL, "enable_fusion": True},
}


@pytest.fixture(params=TOWERS)
def towers(request, monkeypatch):
    """The stock tower with random biases and temperatures, ours with its weights, and features of five clips."""
    torch.manual_seed(0)
    config = ClapAudioConfig(**TOWERS[request.param], drop_path_rate=0.2)
    stock = ClapAudioModel(config)
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    ours = copy.deepcopy(stock)
    use_fast_layers(ours.audio_encoder)
    monkeypatch.setattr(audio_teminal, "CPU_CHUNK", 2 * 16 * 256)
    channels, frames = (4, 128) if config.enable_fusion else (1, 120)
    inputs = {"input_features": torch.randn(5, channels, frames, config.num_mel_bins)}
    inputs["is_longer"] = torch.tensor([[True], [False], [True], [False], [False]])
    return stock, ours, inputs


def run(model, inputs):
    """Pooled output and gradients, under the same random numbers."""
    torch.manual_seed(1)
    model.zero_grad()
    outputs = model(**inputs)
    weights = torch.linspace(-1, 1, outputs.pooler_output.numel(), device=outputs.pooler_output.device)
    weights = weights.view_as(outputs.pooler_output)
    (outputs.pooler_output * weights).sum().backward()
    return outputs, {name: parameter.grad for name, parameter in model.named_parameters()}


def assert_same(ours, stock):
    (outputs, gradients), (expected, expected_gradients) = ours, stock
    assert (outputs.pooler_output - expected.pooler_output).abs().max() <= 1e-5
    assert (outputs.last_hidden_state - expected.last_hidden_state).abs().max() <= 1e-5
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in gradients.items():
        if expected_gradients[name] is None:
            assert gradient is None, name
        else:
            scale = expected_gradients[name].norm().clamp(min=1e-3)
            assert (gradient - expected_gradients[name]).norm() <= 1e-4 * scale, name


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("unfused_devices", [("cpu",), ()], ids=["products", "sdpa"])
def test_outputs_and_gradients_are_those_of_the_stock_tower(towers, monkeypatch, training, unfused_devices):
    monkeypatch.setattr(audio_teminal, "UNFUSED_DEVICES", unfused_devices)
    stock, ours, inputs = towers
    assert_same(run(ours.train(training), inputs), run(stock.train(training), inputs))
    for name, value in stock.audio_encoder.batch_norm.state_dict().items():
        assert torch.equal(ours.audio_encoder.batch_norm.state_dict()[name], value)


def test_gradient_checkpointing_changes_nothing(towers):
    stock, ours, inputs = towers
    ours.supports_gradient_checkpointing = True
    ours.gradient_checkpointing_enable()
    assert all(stage.gradient_checkpointing for stage in ours.audio_encoder.layers)
    assert_same(run(ours.train(), inputs), run(stock.train(), inputs))


@pytest.mark.skipif(not detect_bf16(torch.device("cpu"))[0], reason="this CPU emulates bf16")
def test_bf16_autocast_stays_near_fp32(towers):
    _, ours, inputs = towers
    ours.eval()
    with torch.no_grad():
        expected = ours(**inputs).pooler_output
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs = ours(**inputs).pooler_output
    assert torch.cosine_similarity(outputs.float(), expected).min() >= 0.99


@pytest.mark.parametrize("wanted", ["hidden_states", "attentions"])
def test_hidden_states_and_attentions_are_those_of_the_stock_tower(towers, wanted):
    stock, ours, inputs = towers
    with torch.no_grad():
        outputs, expected = (tower.eval()(**inputs, **{f"output_{wanted}": True})[wanted] for tower in (ours, stock))
    for value, expected_value in zip(outputs, expected, strict=True):
        assert (value - expected_value).abs().max() <= 1e-5


@pytest.mark.parametrize("window_counts", [None, pytest.param([2, 1, 2], marks=pytest.mark.slow)])
@pytest.mark.parametrize("temporal_head", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_model_compiles_to_one_graph(window_counts, temporal_head):
    two_stages = {"depths": [2, 2], "num_attention_heads": [2, 4], "hidden_size": 32}
    audio_config, text_config = {**SMALL, **two_stages}, {**TEXT, "num_hidden_layers": 1}
    config = TeminalConfig(audio_config=audio_config, text_config=text_config, temporal_head=temporal_head)
    model = TeminalModel(config).eval()
    inputs = {"input_ids": torch.arange(3, 21).view(3, 6), "attention_mask": torch.ones(3, 6, dtype=torch.long)}
    inputs["input_features"] = torch.randn(5 if window_counts else 3, 1, 120, 32)
    inputs["window_counts"] = torch.tensor(window_counts) if window_counts else None
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    loss, expected = compiled(**inputs, return_loss=True).loss, model(**inputs, return_loss=True).loss
    loss.backward()
    assert abs(loss - expected) <= 1e-5


@pytest.mark.gpu
def test_gpu_gives_the_numbers_of_the_cpu(towers):
    _, ours, inputs = towers
    ours.eval()
    expected, expected_gradients = run(ours, inputs)
    expected_gradients = {  # .cuda() moves what the parameters hold
        name: None if gradient is None else gradient.clone() for name, gradient in expected_gradients.items()
    }
    outputs, gradients = run(ours.cuda(), {name: value.cuda() for name, value in inputs.items()})
    assert (outputs.pooler_output.cpu() - expected.pooler_output).abs().max() <= 1e-4
    for name, gradient in gradients.items():
        if gradient is not None:
            assert (gradient.cpu() - expected_gradients[name]).norm() <= 1e-3 * expected_gradients[name].norm(), name


def test_the_models_own_tower_is_fast_and_its_text_tower_sdpa(tmp_path):
    config = TeminalConfig(audio_config=SMALL, text_config=TEXT)
    TeminalModel(config).save_pretrained(tmp_path)
    model = TeminalModel.from_pretrained(tmp_path).eval()
    layers = [module for module in model.modules() if isinstance(module, ClapAudioLayer)]
    assert len(layers) == 7
    assert all(type(layer) is TeminalAudioLayer for layer in layers)
    assert type(model.text_model.encoder.layer[0].attention.self) is TeminalTextSelfAttention
    model.gradient_checkpointing_enable()
    for kind in (ClapModel, TeminalModel):
        kind(model.config)


@pytest.mark.parametrize("lengths", [[6, 6], [6, 3]], ids=["unpadded", "padded"])
def test_the_text_towers_sdpa_gives_the_numbers_of_the_stock_tower(lengths):
    config = TeminalConfig(audio_config=SMALL, text_config=TEXT)
    stock = ClapTextModel(ClapTextConfig(**TEXT)).eval()
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model = TeminalModel(config).eval()
    model.text_model.load_state_dict(stock.state_dict())
    assert stock.config._attn_implementation == "eager"
    mask = torch.arange(6) < torch.tensor(lengths)[:, None]
    inputs = {"input_ids": torch.arange(3, 15).view(2, 6), "attention_mask": mask.long()}
    with torch.no_grad():
        expected, outputs = stock(**inputs).pooler_output, model.text_model(**inputs).pooler_output
    assert (outputs - expected).abs().max() <= 1e-5
