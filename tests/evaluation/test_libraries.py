"""The adapters beside the libraries themselves, with random weights; skipped where a library does not import."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
import transformers
from peft import get_peft_model
from transformers import GPT2Config, GPT2Model, GPT2Tokenizer, RobertaConfig, RobertaModel, RobertaTokenizer

from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.libraries import LaionClap, MsClap, normalise
from teminal.training.models import lora_config

from ..conftest import ROOT
from ..hub import Hub, Repo
from ..libraries import library
from ..stock import save_stock_clap

CAPTIONS = ["a dog before rain", "rain"]
CHARACTERS = [*map(chr, range(33, 127)), "Ġ"]
PULL = """
import numpy as np
from teminal.evaluation.clap import Clap

adapted, base = Clap("me/adapter"), Clap("laion/base")
assert np.abs(adapted.embed_text(["rain"]) - base.embed_text(["rain"])).max() > 1e-3
assert adapted.fingerprint != base.fingerprint
"""


def noise(sampling_rate):
    """Of 3 s, of the library's own length at least, and longer."""
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, seconds * sampling_rate).astype(np.float32) for seconds in (3, 5, 15)]


@pytest.mark.parametrize("fused", [False, True])
def test_laion_clap(monkeypatch, tmp_path, fused):
    others = [getattr(transformers, name) for name in ("BertModel", "BertTokenizer", "BartModel", "BartTokenizer")]
    for loaded in others:  # which the library loads on import
        monkeypatch.setattr(loaded, "from_pretrained", lambda name: None)
    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    vocab = {token: i for i, token in enumerate((*special, *CHARACTERS))}
    config = RobertaConfig(vocab_size=len(vocab), num_hidden_layers=1, intermediate_size=64, type_vocab_size=1)
    monkeypatch.setattr(RobertaModel, "from_pretrained", lambda name: RobertaModel(config))
    monkeypatch.setattr(RobertaTokenizer, "from_pretrained", lambda name: RobertaTokenizer(vocab=vocab, merges=[]))
    torch.manual_seed(0)
    own = library("laion_clap").CLAP_Module(enable_fusion=fused)
    state = {f"module.{name}": value for name, value in own.model.state_dict().items()}
    state["module.text_branch.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save({"state_dict": state}, tmp_path / "best.pt")
    model = LaionClap(str(tmp_path / "best.pt"), batch_size=2)
    clips = noise(48_000)
    audio = model.embed_audio(clips, 48_000)
    assert np.abs(audio[:2] - own.get_audio_embedding_from_data(clips[:2])).max() <= 1e-6
    assert np.array_equal(audio, model.embed_audio(clips, 48_000))
    assert np.abs(model.embed_text(CAPTIONS) - own.get_text_embedding(CAPTIONS)).max() <= 1e-6


def test_msclap(monkeypatch, tmp_path):
    torchaudio, msclap = library("torchaudio"), library("msclap")
    vocab = {token: i for i, token in enumerate((*CHARACTERS, "<|endoftext|>"))}
    config = GPT2Config(n_layer=1, vocab_size=len(vocab))
    wrapper, towers = sys.modules["msclap.CLAPWrapper"], sys.modules["msclap.models.clap"]
    monkeypatch.setattr(towers.AutoModel, "from_pretrained", lambda name: GPT2Model(config))
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=[])
    monkeypatch.setattr(wrapper.AutoTokenizer, "from_pretrained", lambda name: tokenizer)
    monkeypatch.setattr(torchaudio, "load", lambda path: (torch.from_numpy(soundfile.read(path)[0]).float(), 44_100))
    torch.save({"model": {}}, tmp_path / "CLAP_weights_2023.pth")
    model = MsClap(str(tmp_path / "CLAP_weights_2023.pth"), batch_size=2)
    assert isinstance(model.wrapper, msclap.CLAP)
    clips = noise(44_100)
    for number, clip in enumerate(clips):
        soundfile.write(tmp_path / f"{number}.wav", clip, 44_100, subtype="FLOAT")
    audio = model.embed_audio(clips, 44_100)
    own = model.wrapper.get_audio_embeddings([tmp_path / "0.wav", tmp_path / "1.wav"]).numpy()
    assert np.abs(audio[:2] - normalise(own).numpy()).max() <= 1e-6
    assert np.array_equal(audio, model.embed_audio(clips, 44_100))
    text = model.embed_text(CAPTIONS)
    assert np.abs(np.linalg.norm(text, axis=1) - 1).max() <= 1e-5
    assert np.abs(text[0] - text[1]).max() > 1e-3


def test_an_adapter_on_the_hub(tiny_clap, tmp_path):

    save_stock_clap(tiny_clap, tmp_path / "base")
    model = get_peft_model(load_clap(str(tmp_path / "base"))[0], lora_config("text", rank=4))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    model.save_pretrained(tmp_path / "adapter")
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "base_model_name_or_path": "laion/base"}))
    with Hub() as hub:
        for name, folder in (("laion/base", "base"), ("me/adapter", "adapter")):
            hub.repos[name] = Repo()
            files = {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir() if path.is_file()}
            hub.repos[name].commit("main", files)
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
        result = subprocess.run(
            [sys.executable, "-c", PULL],
            cwd=ROOT,
            env={**environment, "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert result.returncode == 0, result.stderr
