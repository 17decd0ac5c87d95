"""Test a pretrained BERT or RoBERTa as the text tower."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, BertForMaskedLM, BertTokenizer, DistilBertConfig

from teminal.evaluation.checkpoints import load_clap
from teminal.training.config_file import check_scratch, parse_config
from teminal.training.scratch import build_scratch_clap, load_text_encoder

from ..conftest import TINY_SCRATCH, run_here
from ..encoders import CAPTIONS, KINDS, bert_tokenizer, build_clap, save_bert, save_encoder


@pytest.fixture(params=KINDS)
def encoder(request, tmp_path, tiny_clap):
    return save_encoder(tmp_path / "encoder", request.param, tiny_clap[1].tokenizer)


@torch.no_grad()
def test_the_text_tower_has_the_numbers_of_the_encoder(encoder, bank):
    source, tokenizer = AutoModel.from_pretrained(encoder).eval(), AutoTokenizer.from_pretrained(encoder)
    model, processor = build_clap(bank, encoder)
    tower, _ = load_text_encoder(str(encoder))
    tokens = tokenizer(CAPTIONS, padding=True, return_tensors="pt")
    ours = processor.tokenizer(CAPTIONS, padding=True, return_tensors="pt")
    assert set(ours) == {"input_ids", "attention_mask"}
    assert torch.equal(ours["input_ids"], tokens["input_ids"])
    spoken = tokens["attention_mask"].bool()
    assert not spoken.all()
    expected = source(**tokens)
    for text_model in (model.eval().text_model, tower):
        output = text_model(**ours)
        assert (output.last_hidden_state - expected.last_hidden_state)[spoken].abs().max() <= 1e-5
        assert (output.pooler_output - expected.pooler_output).abs().max() <= 1e-5
    shuffled = source(tokens["input_ids"].flip(1)).last_hidden_state.flip(1)
    assert (shuffled - expected.last_hidden_state)[spoken].abs().max() > 0.1  # positions matter in this encoder


@torch.no_grad()
def test_captions_as_long_as_the_encoder_takes_have_its_numbers(encoder, bank):
    source = AutoModel.from_pretrained(encoder).eval()
    model, processor = build_clap(bank, encoder)
    tokens = processor.tokenizer(["rain " * 100, "rain"], padding=True, truncation=True, return_tensors="pt")
    assert tokens["input_ids"].shape == (2, 40)
    expected, output = source(**tokens), model.eval().text_model(**tokens)
    spoken = tokens["attention_mask"].bool()
    assert (output.last_hidden_state - expected.last_hidden_state)[spoken].abs().max() <= 1e-5


@torch.no_grad()
def test_an_encoder_without_pooler_gets_a_new_one(bank, tmp_path):
    save_bert(tmp_path, model_class=BertForMaskedLM)
    source = AutoModel.from_pretrained(tmp_path, add_pooling_layer=False).eval()
    model, processor = build_clap(bank, tmp_path)
    tokens = processor.tokenizer(CAPTIONS, padding=True, return_tensors="pt")
    output = model.eval().text_model(**tokens)
    spoken = tokens["attention_mask"].bool()
    assert (output.last_hidden_state - source(**tokens).last_hidden_state)[spoken].abs().max() <= 1e-5
    assert output.pooler_output.std() > 0.01


def no_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def another_type(folder):
    DistilBertConfig(dim=32, n_heads=4).save_pretrained(folder)


def relative_positions(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "position_embedding_type": "relative_key"}))


def lost_layer(folder):
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if ".layer.1." not in key}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def half_the_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])


def larger_tokenizer(folder):
    bert_tokenizer("one", "more").save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (no_tokenizer, r"no tokenizer: needs tokenizer\.json or vocab\.txt"),
        (another_type, r"model_type='distilbert': must be bert, roberta"),
        (relative_positions, "absolute position embeddings"),
        (lost_layer, r"weights are missing, such as encoder\.layer\.1\."),
        (half_the_weights, "--text_model_name_or_path"),
        (larger_tokenizer, "the tokenizer has 20 tokens, the encoder embeddings of 18"),
        (lambda folder: (folder / "config.json").unlink(), r"config\.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"model\.safetensors"),
    ],
)
def test_a_faulty_encoder_is_one_clear_error(tmp_path, damage, message):
    save_bert(tmp_path)
    damage(tmp_path)
    with pytest.raises((ValueError, OSError), match=message) as error:
        load_text_encoder(str(tmp_path))
    assert str(error.value).startswith(f"--text_model_name_or_path {tmp_path}:")


def test_no_such_encoder(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match=r"--text_model_name_or_path no/such-encoder: no such folder"):
        load_text_encoder("no/such-encoder")


def test_the_yaml_needs_no_text_config(tiny_recipe, tmp_path):
    text = tiny_recipe.read_text()
    lines = text.split("  text_config:\n")[0] + "  vocab_size: 400\n"
    tiny_recipe.write_text(lines)
    flags = ["--config", str(tiny_recipe), "--stages", "pretrain"]
    with pytest.raises(ValueError, match=r"scratch\.text_config is missing"):
        check_scratch(parse_config(flags))
    config = parse_config([*flags, "--text_model_name_or_path", "bert"])
    check_scratch(config)
    assert config.text_model_name_or_path == "bert"
    assert "text_config" not in config.scratch


def test_training_starts_from_the_encoder(tiny_recipe, esc50_dir, tmp_path):
    save_bert(tmp_path / "bert")
    command = ["train_accelerate.py", "--config", tiny_recipe, "--esc50_dir", esc50_dir]
    command += ["--output_dir", tmp_path / "run", "--text_model_name_or_path", tmp_path / "bert"]
    result = run_here(*command)
    assert result.returncode == 0, result.stderr
    model, processor = load_clap(str(tmp_path / "run"))
    assert model.config.text_config.hidden_size == 32
    assert model.config.text_config.vocab_size == len(processor.tokenizer) == 18
    assert type(processor.tokenizer) is BertTokenizer
    trained = model.text_model.embeddings.word_embeddings.weight
    untrained = AutoModel.from_pretrained(tmp_path / "bert").embeddings.word_embeddings.weight
    assert 0 < (trained - untrained).abs().max() < 0.1

    result = run_here(*command, "--model_name_or_path", tmp_path / "run", "--stages", "B")
    assert "error: --text_model_name_or_path is for a CLAP from scratch" in result.stderr


def test_the_head_can_hear_more_positions_and_go_without_the_time_of_clips(bank):
    model, _ = build_scratch_clap(bank, temporal_head=True, temporal_positions=16, own_time=False, **TINY_SCRATCH)
    assert len(model.temporal_head.position_embeddings) == 16
    assert not model.config.own_time
