"""A model's way through a Hub (on localhost) and back, each time in a fresh process with an empty cache."""

import os
import re
import subprocess
import sys
import tempfile

import pytest
import torch

from .conftest import ROOT
from .hub import Hub, Repo

PUSH = """
import torch
from modeling_teminal import TeminalModel
from transformers import AutoProcessor

model = TeminalModel.from_pretrained("model")
processor = AutoProcessor.from_pretrained("model", trust_remote_code=True)
first = model.push_to_hub("user/tiny").oid
processor.push_to_hub("user/tiny")
model.push_to_hub("user/sharded", max_shard_size="100KB")
processor.push_to_hub("user/sharded")
with torch.no_grad():
    model.audio_projection.linear1.weight.mul_(-1)
model.push_to_hub("user/tiny")
print(first)
"""

PULL = """
import sys
import torch
from transformers import AutoModel, AutoProcessor, ClapModel, pipeline

inputs, first = torch.load("inputs.pt"), sys.argv[1]
processor = AutoProcessor.from_pretrained("user/tiny", trust_remote_code=True)
pipe = pipeline("zero-shot-audio-classification", model="user/sharded")
models = {
    "trusted": AutoModel.from_pretrained("user/sharded", trust_remote_code=True),
    "auto": AutoModel.from_pretrained("user/sharded"),
    "pipeline": pipe.model,
    "first": AutoModel.from_pretrained("user/tiny", revision=first, trust_remote_code=True),
    "stock_first": ClapModel.from_pretrained("user/tiny", revision=first),
    "last": AutoModel.from_pretrained("user/tiny", trust_remote_code=True),
}
embeds = {}
with torch.no_grad():
    for name, model in models.items():
        embeds[name] = model.eval()(**inputs).audio_embeds
answer = pipe(inputs["input_features"][0, 0].flatten().numpy(), candidate_labels=["wind", "siren"])
kinds = {name: type(model).__name__ for name, model in models.items()}
kinds["extractor"] = type(processor.feature_extractor).__name__
torch.save({"embeds": embeds, "kinds": kinds, "labels": sorted(row["label"] for row in answer)}, "report.pt")
"""

LOAD = """
import sys
from teminal.evaluation.checkpoints import load_clap
for name in sys.argv[1:]:
    try:
        load_clap(name)
    except (OSError, ValueError) as error:
        print(" ".join(str(error).split()))
"""


@pytest.fixture
def run(tmp_path):
    """Run code in a fresh process that knows no other Hub than the one given."""

    def run(hub: Hub, code: str, *arguments: str) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": hub.url,
            "HF_HOME": tempfile.mkdtemp(dir=tmp_path),
            "HF_TOKEN": "hf_dummy",
            "HF_HUB_DISABLE_XET": "1",
        }
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def test_push_and_load_back(tiny_clap, inputs, tmp_path, run):
    model, processor = tiny_clap
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    torch.save(inputs, tmp_path / "inputs.pt")
    with Hub() as hub:
        pushed = run(hub, PUSH)
        assert pushed.returncode == 0, pushed.stderr
        files = hub.repos["user/sharded"].files("main")
        pulled = run(hub, PULL, pushed.stdout.split()[-1])
        assert pulled.returncode == 0, pulled.stderr
    weights = {name for name in files if name.endswith((".safetensors", ".bin", ".pt", ".pkl"))}
    assert len(weights) > 1
    assert all(name.endswith(".safetensors") for name in weights)
    sources = {path.name for path in (ROOT / "modeling_teminal").glob("*_teminal.py")}
    for_training_alone = {"chunked_loss_teminal.py"}  # no model imports it
    assert sources - for_training_alone == {name for name in files if name.endswith(".py")}

    report = torch.load(tmp_path / "report.pt")
    trusted = dict.fromkeys(("trusted", "first", "last"), "TeminalModel")
    stock = dict.fromkeys(("auto", "pipeline", "stock_first"), "ClapModel")
    assert report["kinds"] == {**trusted, **stock, "extractor": "TeminalFeatureExtractor"}
    assert report["labels"] == ["siren", "wind"]
    expected = model(**inputs).audio_embeds
    last = report["embeds"].pop("last")
    assert (last - expected).abs().max() > 0.1
    for name, embeds in report["embeds"].items():
        assert (embeds - expected).abs().max() <= 1e-5, name


def test_the_published_code_needs_torch_and_transformers_alone():
    code = "".join(path.read_text() for path in (ROOT / "modeling_teminal").glob("*_teminal.py"))
    imported = set(re.findall(r"^(?:import|from) (\w+)[\w.]*(?: import .*)?$", code, flags=re.MULTILINE))
    assert imported - set(sys.stdlib_module_names) == {"torch", "transformers"}


def test_what_a_hub_lacks_or_holds_damaged_is_named(tiny_clap, tmp_path, run):
    model, processor = tiny_clap
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    files = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    with Hub() as hub:
        hub.repos["user/truncated"] = Repo()
        hub.repos["user/truncated"].commit("main", {**files, "model.safetensors": files["model.safetensors"][:5000]})
        result = run(hub, LOAD, "user/truncated", "user/nowhere")
    truncated, nowhere = result.stdout.splitlines()
    assert "--model_name_or_path user/truncated" in truncated
    assert "damaged" in truncated
    assert "--model_name_or_path user/nowhere" in nowhere
    assert "no such folder, and from the Hub" in nowhere
