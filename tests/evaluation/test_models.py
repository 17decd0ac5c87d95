"""Models of several libraries behind one interface."""

import copy
import importlib
import json
import shutil

import numpy as np
import pytest
import torch
from peft import get_peft_model
from transformers import BertConfig, BertModel, ClapFeatureExtractor, ClapModel

from modeling_teminal import TeminalModel
from teminal.evaluation import checkpoints
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import Clap
from teminal.evaluation.models import MODEL_TYPES
from teminal.training.models import add_adapters, export_model, lora_config

from ..conftest import TINY_SCRATCH
from ..encoders import bert_tokenizer
from ..stock import save_stock_clap

CAPTIONS = ["a siren", "wind before rain", "rain before wind"]


@pytest.fixture(scope="module")
def waveforms(bank):
    """Of 5 s, 2 s and 13 s."""
    raw = bank.raw[:3].astype(np.float32)
    return [raw[0], raw[1, :96_000], np.tile(raw[2], 3)[:624_000]]


@pytest.fixture(scope="module")
def stock(tiny_clap, tmp_path_factory):
    return save_stock_clap(tiny_clap, tmp_path_factory.mktemp("stock"))


def assert_normalised(*embeds):
    for rows in embeds:
        assert rows.dtype == np.float32
        assert np.abs(np.linalg.norm(rows, axis=1) - 1).max() <= 1e-5


@pytest.mark.parametrize("temporal_head", [False, True])
def test_a_peft_adapter_gives_what_the_merged_model_gives(tiny_clap, stock, waveforms, tmp_path, temporal_head):
    _, processor = tiny_clap
    model, _ = load_clap(str(stock), temporal_head=temporal_head)
    model = add_adapters(model, "both", rank=4, alpha=4)
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    export_model(model, processor, tmp_path / "run")
    published = json.loads((tmp_path / "run/adapter/adapter_config.json").read_text())
    assert published["base_model_name_or_path"] == str(stock)
    merged, adapted, base = Clap(str(tmp_path / "run")), Clap(str(tmp_path / "run/adapter")), Clap(str(stock))
    audio, text = adapted.embed_audio(waveforms, 48_000), adapted.embed_text(CAPTIONS)
    assert_normalised(audio, text)
    assert np.abs(audio - merged.embed_audio(waveforms, 48_000)).max() <= 1e-5
    assert np.abs(text - merged.embed_text(CAPTIONS)).max() <= 1e-5
    assert np.abs(audio - base.embed_audio(waveforms, 48_000)).max() > 1e-3
    assert np.abs(text - base.embed_text(CAPTIONS)).max() > 1e-3
    assert len({adapted.fingerprint, base.fingerprint}) == 2


def test_an_adapter_without_its_base_is_named(tiny_clap, tmp_path):
    model = get_peft_model(copy.deepcopy(tiny_clap[0]), lora_config("text", 2))
    model.save_pretrained(tmp_path)
    file = tmp_path / "adapter_config.json"
    for base, message in (
        (None, "names no base_model_name_or_path"),
        (str(tmp_path / "no"), "the base of this adapter"),
    ):
        file.write_text(json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": base}))
        with pytest.raises(ValueError, match=f"--model_name_or_path {tmp_path}: .*{message}"):
            Clap(str(tmp_path))


def test_a_fused_checkpoint_gives_what_the_stock_classes_give(tiny_clap, stock, waveforms, tmp_path):
    torch.manual_seed(0)
    config = ClapModel.from_pretrained(stock).config
    config.audio_config.enable_fusion = True
    config.audio_config.fusion_type = "aff_2d"
    model = ClapModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    _, processor = tiny_clap
    processor = copy.deepcopy(processor)
    processor.feature_extractor = ClapFeatureExtractor(truncation="fusion", **TINY_SCRATCH["feature_extractor"])
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    fused = Clap(str(tmp_path))
    assert fused.model.config.audio_config.enable_fusion
    audio = fused.embed_audio(waveforms, 48_000)
    assert_normalised(audio)
    short = processor.feature_extractor(waveforms[:2], sampling_rate=48_000, return_tensors="pt")
    with torch.no_grad():
        expected = model.get_audio_features(short["input_features"], torch.zeros(2, 1, dtype=torch.bool)).pooler_output
    assert np.abs(audio[:2] - expected.numpy()).max() <= 1e-4
    assert np.array_equal(audio, fused.embed_audio(waveforms, 48_000))


def test_a_model_without_audio_is_named(tmp_path):
    BertModel(
        BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    ).save_pretrained(tmp_path)
    bert_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"--model_name_or_path {tmp_path}: no CLAP can be built .*bert"):
        Clap(str(tmp_path))


@pytest.mark.parametrize("library", ["laion_clap", "msclap", "sentence_transformers"])
def test_a_missing_library_is_named_with_the_cure(library, monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ValueError, match=f"{library} is needed .*`pip install .*{library.replace('_', '.')}"):
        MODEL_TYPES[library]("a model")


@pytest.mark.parametrize(
    "name",
    [
        "modeling_teminal/clip_time_teminal.py",
        "teminal/audio.py",
        "teminal/evaluation/windows.py",
        "teminal/evaluation/clap.py",
    ],
)
def test_other_code_makes_other_embeddings(name, tmp_path, monkeypatch):
    for folder in ("modeling_teminal", "teminal"):
        shutil.copytree(checkpoints.ROOT / folder, tmp_path / folder)
    before = checkpoints.fingerprint("a model", "cpu")
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path)
    assert checkpoints.fingerprint("a model", "cpu") == before
    assert checkpoints.fingerprint("a model", "cuda") != before
    (tmp_path / name).write_text("another")
    assert checkpoints.fingerprint("a model", "cpu") != before


def test_sentence_transformers_gives_what_clap_gives(stock, waveforms):
    pytest.importorskip("sentence_transformers", minversion="6.0")
    ours, theirs = Clap(str(stock)), MODEL_TYPES["sentence_transformers"](str(stock), batch_size=2)
    assert np.abs(ours.embed_text(CAPTIONS) - theirs.embed_text(CAPTIONS)).max() <= 1e-4
    audio = theirs.embed_audio(waveforms, 48_000)
    assert_normalised(audio)
    assert np.abs(ours.embed_audio(waveforms, 48_000) - audio)[:2].max() <= 1e-4
    assert np.array_equal(audio, theirs.embed_audio(waveforms, 48_000))


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_the_fastest_device_embeds_and_in_fp32(monkeypatch, stock, cuda, mps, expected):
    moved, move = [], TeminalModel.to
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(TeminalModel, "to", lambda model, device: moved.append(device) or move(model, "cpu"))
    model = Clap(str(stock))
    assert moved == [expected]
    assert {parameter.dtype for parameter in model.model.parameters()} == {torch.float32}
