"""Clients that know stock CLAP alone, and the audio tower by itself."""

import copy
import json

import pytest
import torch
from torch.nn import functional as F
from transformers import (
    AutoModel,
    ClapAudioModel,
    ClapAudioModelWithProjection,
    ClapConfig,
    ClapModel,
    ClapTextModelWithProjection,
)

from modeling_teminal import TeminalAudioModelWithProjection, TeminalConfig, TeminalModel


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "head"])
def saved(request, tiny_clap, tmp_path_factory):
    """A checkpoint without or with a head that does something, its model and its folder."""
    model, processor = tiny_clap
    config = copy.deepcopy(model.config)
    config.temporal_head = request.param
    checkpoint = TeminalModel(config).eval()
    checkpoint.load_state_dict(model.state_dict(), strict=False)
    if request.param:
        torch.nn.init.normal_(checkpoint.temporal_head.output.weight)
    folder = tmp_path_factory.mktemp("checkpoint")
    checkpoint.save_pretrained(folder)
    processor.save_pretrained(folder)
    return checkpoint, folder


def test_stock_classes_give_the_same_embeddings_or_none(saved, inputs):
    model, folder = saved
    audio = {name: inputs[name] for name in ("input_features", "is_longer")}
    text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        expected, captions = model.get_audio_features(**audio).pooler_output, model.get_text_features(**text)
        text_embeds = ClapTextModelWithProjection.from_pretrained(folder)(**text).text_embeds
    assert (F.normalize(text_embeds) - captions.pooler_output).abs().max() <= 1e-5
    if model.config.temporal_head:
        for stock in (ClapModel, ClapAudioModel, ClapAudioModelWithProjection, ClapConfig):
            with pytest.raises(Exception, match=r"temporal head.*load it with AutoModel\.from_pretrained"):
                stock.from_pretrained(folder)
        with pytest.raises(ValueError, match="trust_remote_code=True"):
            AutoModel.from_pretrained(folder, trust_remote_code=False)
        return
    with torch.no_grad():
        whole = ClapModel.from_pretrained(folder).get_audio_features(**audio).pooler_output
        tower = ClapAudioModelWithProjection.from_pretrained(folder)(**audio).audio_embeds
    assert (whole - expected).abs().max() <= 1e-5
    assert (F.normalize(tower) - expected).abs().max() <= 1e-5


def test_who_knows_the_head_still_loads_it(saved, inputs):
    model, folder = saved
    audio = {name: inputs[name] for name in ("input_features", "is_longer")}
    with torch.no_grad():
        expected = model.get_audio_features(**audio).pooler_output
        trusted = AutoModel.from_pretrained(folder, trust_remote_code=True).get_audio_features(**audio).pooler_output
        ours = TeminalModel.from_pretrained(folder).get_audio_features(**audio).pooler_output
    assert torch.equal(trusted, expected)
    assert torch.equal(ours, expected)
    config = TeminalConfig.from_dict(model.config.to_dict())
    assert config.audio_config.to_dict() == model.config.audio_config.to_dict()


def test_a_config_from_before_the_guard_still_loads(saved, tmp_path):
    model, folder = saved
    values = json.loads((folder / "config.json").read_text())
    values["audio_config"] = model.config.audio_config.to_dict()
    (tmp_path / "config.json").write_text(json.dumps(values))
    config = TeminalConfig.from_pretrained(tmp_path)
    assert config.audio_config.spec_size == model.config.audio_config.spec_size
    assert config.temporal_head == model.config.temporal_head


def test_the_audio_tower_alone_embeds_as_the_whole_model(saved, tiny_clap, bank, tmp_path):
    model, folder = saved
    clips = [bank.raw[0], bank.raw[1:5].ravel()]
    inputs = tiny_clap[1].feature_extractor([clip.astype("float32") for clip in clips], sampling_rate=48_000)
    tower = TeminalAudioModelWithProjection.from_pretrained(folder)
    tower.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path, trust_remote_code=True)
    assert not [name for name in tower.state_dict() if name.startswith("text_")]
    with torch.no_grad():
        expected = model.get_audio_features(**inputs).pooler_output
        for loaded in (tower, again):
            assert torch.equal(loaded(**inputs).audio_embeds, expected)
