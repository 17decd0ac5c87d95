"""A CLAP loads with the tokenizer that it was saved with, RoBERTa's or BERT's."""

import json
import subprocess
import sys

import pytest
import torch
from transformers import BertTokenizer, RobertaTokenizer

from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import embed_captions
from teminal.training.scratch import load_text_encoder

from ..encoders import CAPTIONS, KINDS, bert_tokenizer, build_clap, save_bert, save_encoder


@pytest.mark.parametrize("temporal_head", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_saved_clap_loads_with_its_tokenizer(tiny_clap, bank, tmp_path, kind, temporal_head):
    encoder = save_encoder(tmp_path / "encoder", kind, tiny_clap[1].tokenizer)
    model, processor = build_clap(bank, encoder, temporal_head)
    model.eval().save_pretrained(tmp_path / "clap")
    processor.save_pretrained(tmp_path / "clap")
    again, its_processor = load_clap(str(tmp_path / "clap"))
    assert again.config.to_dict()["model_type"] == ("teminal" if temporal_head else "clap")
    assert type(its_processor.tokenizer) is type(processor.tokenizer)
    assert its_processor.tokenizer.model_max_length == 40
    expected = embed_captions(model, processor, CAPTIONS)
    assert (embed_captions(again, its_processor, CAPTIONS) - expected).abs().max() <= 1e-6


def test_the_saved_clap_loads_through_the_auto_classes(bank, tmp_path):
    save_bert(tmp_path / "encoder")
    model, processor = build_clap(bank, tmp_path / "encoder")
    model.eval().save_pretrained(tmp_path / "clap")
    processor.save_pretrained(tmp_path / "clap")
    code = """
import json, sys, numpy, torch
from transformers import AutoProcessor, pipeline
captions = sys.argv[1:]
pipe = pipeline("zero-shot-audio-classification", model="clap")
processor = AutoProcessor.from_pretrained("clap", trust_remote_code=True)
inputs = processor(text=captions, audio=numpy.sin(numpy.arange(48_000)), sampling_rate=48_000, padding=True,
                   return_tensors="pt")
with torch.no_grad():
    output = pipe.model.eval()(**inputs)
answer = pipe(numpy.sin(numpy.arange(48_000)), candidate_labels=["rain", "wind"])
names = [type(item).__name__ for item in (pipe.model, pipe.tokenizer, processor.tokenizer)]
print(json.dumps([names, sorted(item["label"] for item in answer), output.text_embeds.tolist()]))
"""
    command = [sys.executable, "-c", code, *CAPTIONS]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    names, labels, embeds = json.loads(result.stdout.splitlines()[-1])
    assert names == ["ClapModel", "BertTokenizer", "BertTokenizer"]
    assert labels == ["rain", "wind"]
    assert (torch.tensor(embeds) - embed_captions(model, processor, CAPTIONS)).abs().max() <= 1e-5


def test_an_old_stock_checkpoint_keeps_its_tokenizer(tiny_clap, tmp_path):
    model, processor = tiny_clap
    model.save_pretrained(tmp_path)
    processor.feature_extractor.save_pretrained(tmp_path)
    assert (tmp_path / "preprocessor_config.json").is_file()
    learned = json.loads(processor.tokenizer.backend_tokenizer.to_str())["model"]
    (tmp_path / "vocab.json").write_text(json.dumps(learned["vocab"]))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in learned["merges"]))
    for named in ({"tokenizer_class": "RobertaTokenizer"}, {"tokenizer_class": "RobertaTokenizerFast"}, {}):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(named))
        tokenizer = load_clap(str(tmp_path))[1].tokenizer
        assert type(tokenizer) is RobertaTokenizer
        assert tokenizer(CAPTIONS)["input_ids"] == processor.tokenizer(CAPTIONS)["input_ids"]


def test_old_folders_of_bert_have_a_vocabulary_alone(bank, tmp_path):
    tokenizer = bert_tokenizer()
    encoder, clap = tmp_path / "encoder", tmp_path / "clap"
    save_bert(encoder)
    model, processor = build_clap(bank, encoder)
    model.save_pretrained(clap)
    processor.save_pretrained(clap)
    for folder in (encoder, clap):
        (folder / "tokenizer.json").unlink()
        (folder / "vocab.txt").write_text("\n".join(sorted(tokenizer.vocab, key=tokenizer.vocab.get)))
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    for ours in (load_text_encoder(str(encoder))[1], load_clap(str(clap))[1].tokenizer):
        assert type(ours) is BertTokenizer
        assert dict(ours(CAPTIONS)) == dict(tokenizer(CAPTIONS, return_token_type_ids=False))
    assert load_text_encoder(str(encoder))[1].model_max_length == 40
