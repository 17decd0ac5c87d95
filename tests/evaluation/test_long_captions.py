"""Captions that are longer than the text tower: cut with a warning by processors, refused by the model."""

import pytest
import torch
from transformers import AutoProcessor, ClapProcessor

from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import embed_captions
from teminal.training.scratch import MAX_TOKENS

from ..encoders import bert_tokenizer, build_clap, save_bert

CAPTION = "A dog barks in the distance while heavy rain falls on a tin roof, then a door slams and two people laugh."


@pytest.fixture(scope="module")
def short_clap(bank, tmp_path_factory):
    """A model whose text tower takes 40 tokens, and its folder."""
    folder = tmp_path_factory.mktemp("short")
    save_bert(folder / "bert")
    model, processor = build_clap(bank, folder / "bert")
    model.save_pretrained(folder / "clap")
    processor.save_pretrained(folder / "clap")
    return model.eval(), folder / "clap"


def test_a_model_from_scratch_has_room_for_real_captions(tiny_clap):
    model, processor = tiny_clap
    tokens = processor(text=CAPTION, padding=True, return_tensors="pt")
    assert 40 < tokens["input_ids"].shape[1] < MAX_TOKENS
    assert tokens["input_ids"][0].tolist() == processor.tokenizer(CAPTION)["input_ids"]
    model.get_text_features(**tokens)


@pytest.mark.parametrize("trust_remote_code", [True, False])
def test_the_saved_processor_cuts_and_says_so(short_clap, trust_remote_code):
    model, folder = short_clap
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=trust_remote_code)
    assert isinstance(processor, ClapProcessor)
    options = {} if trust_remote_code else {"truncation": True}  # the stock class does not know better
    tokens = processor(text=["rain " * 100, "dog"], padding=True, return_tensors="pt", **options)
    assert tokens["input_ids"].shape == (2, 40)
    assert model.get_text_features(**tokens).pooler_output.isfinite().all()


def test_a_cut_caption_is_named_once(short_clap, monkeypatch):
    _, folder = short_clap
    model, processor = load_clap(str(folder))
    said = []
    monkeypatch.setattr("modeling_teminal.processing_teminal.logger.warning", said.append)
    processor(text="rain " * 38, padding=True)  # 40 tokens with the special ones: whole
    processor(text="rain " * 50, max_length=10, truncation=True)  # cut at the caller's wish
    assert not said
    embeds = embed_captions(model, processor, ["dog", "rain " * 50, "rain " * 38])
    assert said == [f"captions are cut to the text tower's 40 tokens, such as {'rain ' * 50!r}"]
    embed_captions(model, processor, ["dog " * 50])
    assert len(said) == 1
    load_clap(str(folder))[1](text="dog " * 50)
    assert len(said) == 2
    assert (embeds[1] - embeds[2]).abs().max() <= 1e-5


@pytest.mark.parametrize("length", [41, 42, 43, 100])
def test_the_model_names_tokens_and_limit(short_clap, length):
    model, _ = short_clap
    ids = torch.full((2, length), 7)
    with pytest.raises(ValueError, match=f"a caption of {length} tokens, the text tower takes 40"):
        model.get_text_features(ids)
    features = torch.zeros(1, 1, 120, 32)
    with pytest.raises(ValueError, match=f"a caption of {length} tokens, the text tower takes 40"):
        model(ids, features)


def test_padding_up_to_the_last_position_is_no_token(short_clap):
    model, _ = short_clap
    padding = model.config.text_config.pad_token_id
    ids = torch.full((1, 41), padding)
    ids[0, :5] = 7
    mask = ids.ne(padding).long()
    with torch.no_grad():
        padded = model.get_text_features(ids, mask).pooler_output
        assert (padded - model.get_text_features(ids[:, :5], mask[:, :5]).pooler_output).abs().max() <= 1e-5


@pytest.mark.parametrize("length", [42, 100])
def test_more_padding_than_positions_is_named_as_such(short_clap, length):
    model, _ = short_clap
    ids = torch.full((1, length), model.config.text_config.pad_token_id)
    ids[0, :5] = 7
    with pytest.raises(ValueError, match=f"padded to {length} tokens, the text tower takes 40: .*padding=True"):
        model.get_text_features(ids)


def test_a_tokenizer_that_promises_more_than_the_tower_takes_is_set_right(short_clap, tmp_path):
    model, folder = short_clap
    model.save_pretrained(tmp_path)
    ClapProcessor.from_pretrained(folder).save_pretrained(tmp_path)
    bert_tokenizer().save_pretrained(tmp_path)  # without a limit
    loaded, processor = load_clap(str(tmp_path))
    assert processor.tokenizer.model_max_length == 40
    assert embed_captions(loaded, processor, ["rain " * 100]).isfinite().all()
