"""Weights that are not all there, or not finite, are one clear error wherever a model is loaded."""

import copy
import json

import pytest
import torch
from peft import AutoPeftModel
from safetensors.torch import load_file, save_file

from modeling_teminal import TeminalConfig, TeminalModel
from teminal import cli
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import Clap, embed_features
from teminal.evaluation.libraries import normalise
from teminal.features import ClipFeatures
from teminal.training.models import add_adapters, export_model
from teminal.training.scratch import load_text_encoder

from ..encoders import save_bert


@pytest.fixture(scope="module")
def with_head(tiny_clap):
    base, processor = tiny_clap
    values = {name: getattr(base.config, name).to_dict() for name in ("audio_config", "text_config")}
    torch.manual_seed(0)
    model = TeminalModel(TeminalConfig(**values, projection_dim=base.config.projection_dim, temporal_head=True))
    torch.nn.init.normal_(model.temporal_head.output.weight, std=0.1)
    return model.eval(), processor


@pytest.fixture
def folder(with_head, tmp_path):
    """A checkpoint with temporal head."""
    model, processor = with_head
    model.save_pretrained(tmp_path / "clap")
    processor.save_pretrained(tmp_path / "clap")
    return tmp_path / "clap"


@pytest.fixture
def adapter(with_head, folder):
    """A LoRA of rank 4 with random weights, on the checkpoint."""
    torch.manual_seed(1)
    model, _ = load_clap(str(folder))
    adapted = add_adapters(model, "both", rank=4, alpha=4)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    export_model(adapted, with_head[1], folder.parent / "run")
    return folder.parent / "run/adapter"


def change_weights(folder, change, name="model.safetensors"):
    weights = load_file(folder / name)
    change(weights)
    save_file(weights, folder / name, metadata={"format": "pt"})


def set_nan(key):
    return lambda weights: weights[key].view(-1)[0].fill_(float("nan"))


def change_config(folder, **values):
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def saved_by_the_stock_class(folder):
    """What `ClapModel.from_pretrained(folder).save_pretrained(folder)` leaves."""
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if not key.startswith("temporal_head.")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    change_config(folder, model_type="clap", architectures=["ClapModel"])


BATCH_NORM = "audio_model.audio_encoder.batch_norm.running_var"
DAMAGES = {
    "saved by the stock class": (
        saved_by_the_stock_class,
        "config.json has a temporal head and its weights have none",
    ),
    "a head that is not promised": (
        lambda folder: change_config(folder, temporal_head=False),
        "its weights have a temporal head and its config.json none",
    ),
    "another size": (lambda folder: change_config(folder, projection_dim=48), "damaged or of another shape"),
    "a lost weight": (
        lambda folder: change_weights(folder, lambda weights: weights.pop("temporal_head.layer.linear1.weight")),
        "temporal_head",
    ),
    "a lost buffer": (
        lambda folder: change_weights(folder, lambda weights: weights.pop(BATCH_NORM)),
        f"1 weights are missing, such as {BATCH_NORM}",
    ),
    "a weight of NaN": (
        lambda folder: change_weights(folder, set_nan("temporal_head.output.weight")),
        "1 weights are not finite, such as temporal_head.output.weight",
    ),
    "a buffer of NaN": (
        lambda folder: change_weights(folder, set_nan(BATCH_NORM)),
        f"1 weights are not finite, such as {BATCH_NORM}",
    ),
    "a tokenizer of another form": (
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
        "its tokenizer or processor is damaged, save or download it again",
    ),
    "half a tokenizer": (
        lambda folder: (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {'),
        "its tokenizer or processor is damaged, save or download it again",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused(folder, damage):
    change, message = DAMAGES[damage]
    load_clap(str(folder))
    change(folder)
    for load in (load_clap, Clap):
        with pytest.raises(ValueError, match=message) as error:
            load(str(folder))
        assert str(error.value).startswith(f"--model_name_or_path {folder}: ")
        assert "\n" not in str(error.value)
    if "NaN" not in damage and damage != "a head that is not promised":
        with pytest.raises(ValueError, match=message):
            load_clap(str(folder), temporal_head=True)  # a training that wants a head asks for one more time


def test_a_plain_clap_gets_a_new_head_where_one_is_asked_for(tiny_clap, tmp_path):
    model, processor = tiny_clap
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded, _ = load_clap(str(tmp_path), temporal_head=True)
    assert not loaded.temporal_head.output.weight.any()
    assert loaded.temporal_head.layer.linear1.weight.std() > 0


def test_a_text_encoder_of_nan_is_refused(tmp_path):
    save_bert(tmp_path)
    change_weights(tmp_path, set_nan("encoder.layer.1.output.dense.weight"))
    with pytest.raises(ValueError, match=f"--text_model_name_or_path {tmp_path}: 1 weights are not finite"):
        load_text_encoder(str(tmp_path))


def cut_in_half(adapter):
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def another_rank(adapter):
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "r": 8}))


def lost_layer(adapter):
    change_weights(adapter, lambda weights: weights.pop(min(weights)), "adapter_model.safetensors")


def foreign_layer(adapter):
    def add(weights):
        weights["base_model.model.other.lora_A.weight"] = torch.zeros(4, 4)

    change_weights(adapter, add, "adapter_model.safetensors")


def nan_layer(adapter):
    change_weights(adapter, lambda weights: set_nan(min(weights))(weights), "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut_in_half, "the adapter's weights do not fit or cannot be read"),
        (another_rank, r"do not fit or cannot be read: .*size mismatch"),
        (lambda adapter: (adapter / "adapter_model.safetensors").write_bytes(b""), "cannot be read"),
        (lost_layer, "1 of the adapter's weights are missing"),
        (foreign_layer, r"1 are not of this model, such as base_model\.model\.other"),
        (nan_layer, "1 weights are not finite"),
        (lambda adapter: (adapter / "adapter_config.json").write_text("{"), "adapter_config"),
    ],
)
def test_a_damaged_adapter_is_one_clear_error(adapter, damage, message):
    damage(adapter)
    with pytest.raises(ValueError, match=message) as error:
        Clap(str(adapter))
    assert str(error.value).startswith(f"--model_name_or_path {adapter}: ")
    assert "\n" not in str(error.value)


def test_auto_peft_model_loads_the_adapter(adapter, inputs):
    loaded = AutoPeftModel.from_pretrained(str(adapter), trust_remote_code=True).eval()
    merged, _ = load_clap(str(adapter.parent))
    with torch.no_grad():
        ours, expected = loaded(**inputs), merged(**inputs)
    assert (ours.audio_embeds - expected.audio_embeds).abs().max() <= 1e-5
    assert (ours.text_embeds - expected.text_embeds).abs().max() <= 1e-5


def test_embeddings_that_are_not_finite_are_never_written(tiny_clap, esc50_dir, tmp_path):
    model, processor = copy.deepcopy(tiny_clap[0]), tiny_clap[1]
    model.audio_projection.linear2.bias.data.fill_(3e38)  # finite, and too large for a norm
    model.audio_projection.linear1.bias.data.fill_(3e38)
    with pytest.raises(ValueError, match="embeddings that are not finite"):
        embed_features(model, ClipFeatures(torch.zeros(1, 1, 120, 32), torch.ones(1).long(), torch.tensor([[119]])))
    with pytest.raises(ValueError, match="embeddings that are not finite"):
        normalise([[0.0, float("nan")]])
    model.save_pretrained(tmp_path / "clap")
    processor.save_pretrained(tmp_path / "clap")
    output = tmp_path / "out.parquet"
    flags = ["--model", str(tmp_path / "clap"), "--index", str(tmp_path / "index"), "--output_file", str(output)]
    with pytest.raises(SystemExit, match=r"teminal: error: .*not finite"):
        cli.main(["embed", str(esc50_dir / "audio"), *flags])
    assert not output.exists()
