"""The recipes of docs/using.md beside the libraries themselves; skipped where a library does not import."""

import re
import sys
import types

import numpy as np
import pytest
import soundfile
import soxr
import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding

from modeling_teminal import TeminalModel

from ..conftest import ROOT
from ..libraries import library

RECIPES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "using.md").read_text(), re.DOTALL)
CAPTIONS = ["This is a sound of dog before rain.", "This is a sound of rain before dog."]


@pytest.fixture(scope="module")
def folder(tiny_clap, tmp_path_factory):
    """A checkpoint whose head does something."""
    torch.manual_seed(0)
    model, processor = tiny_clap
    folder = tmp_path_factory.mktemp("me") / "model"
    values = model.config.to_dict() | {"temporal_head": True}
    with_head = TeminalModel(TeminalModel.config_class.from_dict(values)).eval()
    with_head.load_state_dict(model.state_dict(), strict=False)
    torch.nn.init.normal_(with_head.temporal_head.output.weight)
    with_head.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clips(bank):
    return [bank.raw[0].astype(np.float32), bank.raw[1:5].astype(np.float32).ravel()]


@pytest.fixture(scope="module")
def expected(tiny_clap, folder, clips):
    model, processor = TeminalModel.from_pretrained(folder), tiny_clap[1]
    with torch.no_grad():
        audio = model.get_audio_features(**processor.feature_extractor(clips, sampling_rate=48_000)).pooler_output
        text = model.get_text_features(
            **processor.tokenizer(CAPTIONS, padding=True, return_tensors="pt")
        ).pooler_output
    return audio.numpy(), text.numpy()


def recipe(name, folder, **variables):
    """What the recipe that imports `name` leaves, of our folder."""
    code = next(code for code in RECIPES if f"import {name}" in code or f"from {name}" in code)
    exec(code.replace("you/your-teminal", str(folder)), variables)
    return variables


def test_datasets_of_any_rate(tiny_clap, folder, clips, expected, tmp_path):
    extractor, audio = tiny_clap[1].feature_extractor, []
    for number, (clip, sampling_rate) in enumerate(zip(clips, (48_000, 32_000), strict=True)):
        file = tmp_path / f"{number}.wav"
        waveform = soxr.resample(clip, 48_000, sampling_rate)
        soundfile.write(file, np.stack([waveform, waveform], 1), sampling_rate, subtype="FLOAT")
        audio.append({"bytes": file.read_bytes() if number else None, "path": None if number else str(file)})
    found = recipe("datasets", folder, dataset=Dataset.from_dict({"audio": audio}), extractor=extractor)
    batch = next(iter(DataLoader(found["rows"], batch_size=2, collate_fn=DataCollatorWithPadding(extractor))))
    model = TeminalModel.from_pretrained(folder)
    with torch.no_grad():
        embeds = model.get_audio_features(**batch).pooler_output.numpy()
    assert np.abs(embeds[0] - expected[0][0]).max() <= 1e-5
    assert np.abs(embeds[1] - expected[0][1]).max() <= 1e-2  # the wrong rate: more than 0.1


def test_sentence_transformers(folder, clips, expected):
    library("sentence_transformers")
    found = recipe("sentence_transformers", folder, waveforms=clips, captions=CAPTIONS)
    assert np.abs(found["audio_embeds"] - expected[0]).max() <= 1e-5
    assert np.abs(found["text_embeds"] - expected[1]).max() <= 1e-5
    assert np.abs(found["scores"].numpy() - expected[0] @ expected[1].T).max() <= 1e-5


def test_mteb(folder, clips, expected, monkeypatch):
    mteb = library("mteb")
    monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))  # it only resamples there
    meta = recipe("mteb", folder)["teminal"]
    monkeypatch.setattr(mteb.models.ModelMeta, "_check_requirements", lambda self: None)
    model = meta.load_model()
    rows = [{"array": clip.tolist(), "sampling_rate": 48_000} for clip in clips]
    task = types.SimpleNamespace(name="task", type="task", modalities=["audio"])
    for column, values, embeds in (("audio", rows, expected[0]), ("text", CAPTIONS, expected[1])):
        loader = DataLoader(Dataset.from_dict({column: values}), batch_size=2)
        found = model.encode(loader, task_metadata=task, hf_split="test", hf_subset="default")
        assert np.abs(found - embeds).max() <= 1e-5


def test_the_wrapper_of_mteb_for_stock_clap_refuses_a_head(folder):
    library("mteb")
    from mteb.models.model_implementations.clap_models import ClapZeroShotWrapper

    with pytest.raises(Exception, match=r"temporal head.*trust_remote_code=True"):
        ClapZeroShotWrapper(str(folder), revision=None)
