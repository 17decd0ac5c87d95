"""Test LoRA adapters and frozen layers."""

import copy

import pytest
import torch
from peft import PeftModel, get_peft_model

from modeling_teminal import TeminalModel
from teminal.training.models import freeze, lora_config, require_layers


@pytest.fixture
def batch(tiny_clap, bank):
    _, processor = tiny_clap
    audio = [clip.astype("float32") for clip in bank.raw[:4]]
    texts = ["a siren", "wind before rain", "a bell", "rain"]
    return {
        **processor.feature_extractor(audio, sampling_rate=48_000),
        **processor.tokenizer(texts, padding=True, return_tensors="pt"),
    }


def embeds(model, batch):
    with torch.no_grad():
        output = model.eval()(**batch)
    return torch.cat([output.audio_embeds, output.text_embeds])


@pytest.mark.parametrize("towers", ["audio", "text", "both"])
def test_lora_trains_saves_loads_and_merges(tiny_clap, batch, tmp_path, towers):
    torch.manual_seed(0)
    base, _ = tiny_clap
    base.save_pretrained(tmp_path / "base")
    before = embeds(base, batch)
    model = get_peft_model(copy.deepcopy(base), lora_config(towers, rank=4))
    model.train()
    model.base_model.model.audio_model.audio_encoder.batch_norm.eval()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(10):
        loss = model(**batch, return_loss=True).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]

    trained = embeds(model, batch)
    moved = (trained - before).abs().amax(1)
    assert bool(moved[:4].max() > 1e-3) == (towers != "text")
    assert bool(moved[4:].max() > 1e-3) == (towers != "audio")

    model.save_pretrained(tmp_path / "adapter")
    loaded = PeftModel.from_pretrained(TeminalModel.from_pretrained(tmp_path / "base"), tmp_path / "adapter")
    assert (embeds(loaded, batch) - trained).abs().max() <= 1e-5
    loaded.merge_and_unload().save_pretrained(tmp_path / "merged")
    merged = TeminalModel.from_pretrained(tmp_path / "merged")
    assert (embeds(merged, batch) - trained).abs().max() <= 1e-5
    for name, value in base.audio_model.audio_encoder.batch_norm.state_dict().items():
        assert torch.equal(merged.audio_model.audio_encoder.batch_norm.state_dict()[name], value)
    assert torch.equal(merged.logit_scale_a, base.logit_scale_a)


def test_an_unknown_tower_is_named():
    with pytest.raises(ValueError, match="--lora video"):
        lora_config("video")


def test_of_a_model_that_is_trained_whole_the_batch_norm_of_mel_bins_alone_is_frozen(tiny_clap):
    model = copy.deepcopy(tiny_clap[0])
    freeze(model, 0, learn_temperature=True)
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    assert frozen == {f"audio_model.audio_encoder.batch_norm.{name}" for name in ("weight", "bias")}


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
