"""Test the LoRA recipe from a base on a local Hub to a published model and its use."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import constants
from safetensors.torch import load

from ..conftest import ROOT, run_here
from ..hub import Hub, Repo
from ..hub_repo import Fault
from ..stock import save_stock_clap

BASE, ID = "laion/clap-htsat-unfused", "me/clap-teminal"

PULL = """
import numpy as np
import torch
from huggingface_hub import ModelCard
from peft import PeftModel
from transformers import AutoModel, AutoProcessor, ClapModel

waveforms = list(np.load("waveforms.npy"))
processor = AutoProcessor.from_pretrained("me/clap-teminal", trust_remote_code=True)
base = ClapModel.from_pretrained("laion/clap-htsat-unfused")
models = {
    "base": ClapModel.from_pretrained("laion/clap-htsat-unfused"),
    "trusted": AutoModel.from_pretrained("me/clap-teminal", trust_remote_code=True),
    "stock": ClapModel.from_pretrained("me/clap-teminal"),
    "adapted": PeftModel.from_pretrained(base, "me/clap-teminal", subfolder="adapter"),
}
texts = ["a siren", "wind before siren"]
said = processor(text=texts, audio=waveforms, sampling_rate=48_000, padding=True, return_tensors="pt")
embeds = {}
with torch.no_grad():
    for name, model in models.items():
        output = model.eval()(said["input_ids"], said["input_features"], attention_mask=said["attention_mask"])
        embeds[name] = torch.cat([output.audio_embeds, output.text_embeds])
    tokens = processor.tokenizer("wind before siren", return_tensors="pt")
    embeds["alone"] = models["trusted"].get_text_features(**tokens).pooler_output
ModelCard.load("me/clap-teminal").validate()
torch.save({"embeds": embeds, "kind": type(models["trusted"]).__name__}, "report.pt")
"""


@pytest.fixture
def hub(tiny_clap, tmp_path):
    """Start a Hub that has the recipe's base."""
    folder = save_stock_clap(tiny_clap, tmp_path / "clap")
    with Hub() as hub:
        hub.repos[BASE] = Repo()
        hub.repos[BASE].commit("main", {path.name: path.read_bytes() for path in folder.iterdir()})
        yield hub


@pytest.fixture
def run(hub, tmp_path):
    """Run Python in a new process with an empty cache and this Hub alone."""

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / f"home_{name}"),
            "HF_TOKEN": "hf_dummy",
            "HF_HUB_DISABLE_XET": "1",
        }
        (tmp_path / name).mkdir(exist_ok=True)
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path / name, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    return run


def small(esc50_dir) -> list:
    """Return the options of a run of a few steps."""
    flags = ["--config", ROOT / "configs/clap_lora.yaml", "--push_to_hub", "--hub_model_id", ID]
    flags += ["--esc50_dir", esc50_dir, "--train_folds", 1, "--eval_folds", 2, "--n_scenes", 12]
    flags += ["--max_train_steps", 2, "--per_device_train_batch_size", 2, "--replay_batch_size", 2]
    return [*flags, "--text_warmup_steps", 2, "--learning_rate", 0.01]


@pytest.fixture
def train(run, esc50_dir):
    def train(*flags: object) -> subprocess.CompletedProcess:
        return run("run", ROOT / "train_accelerate.py", *small(esc50_dir), *flags)

    return train


def test_from_a_base_on_the_hub_to_a_model_on_the_hub(hub, train, run, bank, esc50_dir, tmp_path):
    result = train()
    assert result.returncode == 0, result.stderr
    assert f"published: {hub.url}/{ID}/commit/" in result.stderr
    repo = hub.repos[ID]
    assert len(repo.commits) == 2  # the empty one, and ours
    files = repo.files("main")
    sources = {path.name for path in (ROOT / "modeling_teminal").glob("*_teminal.py")}
    expected = {"config.json", "model.safetensors", "processor_config.json", "tokenizer.json", "tokenizer_config.json"}
    expected |= {"test_vector.flac", "test_vector.json"}
    expected |= {"README.md", "results.json", "zste.png", "course.png"}
    expected |= {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"}
    assert set(files) - sources == expected
    assert "HTTP Request" not in result.stderr
    assert json.loads(files["adapter/adapter_config.json"])["base_model_name_or_path"] == BASE
    for name, content in files.items():
        for place in (tmp_path, esc50_dir):
            assert str(place).encode() not in content, (name, place)
    results = json.loads(files["results.json"])
    assert results["recipe"]["esc50_dir"] == esc50_dir.name
    assert results["recipe"]["lora"] == "both"
    weights = {name: weight for name, weight in load(files["model.safetensors"]).items() if "running_" not in name}
    assert results["n_parameters"] == sum(weight.numel() for weight in weights.values() if weight.is_floating_point())

    (tmp_path / "pulled").mkdir()
    np.save(tmp_path / "pulled" / "waveforms.npy", bank.raw[:2].astype(np.float32))
    pulled = run("pulled", "-c", PULL)
    assert pulled.returncode == 0, pulled.stderr
    report = torch.load(tmp_path / "pulled" / "report.pt")
    embeds = report["embeds"]
    assert report["kind"] == "TeminalModel"
    assert ((embeds["trusted"] - embeds["base"]).abs().amax(1) > 1e-3).all()
    for name in ("stock", "adapted"):
        assert (embeds[name] - embeds["trusted"]).abs().max() <= 1e-5, name
    assert (embeds["alone"] - embeds["trusted"][-1]).abs().max() <= 1e-5

    _, header, text = files["README.md"].decode().split("---\n", 2)
    header = yaml.safe_load(header)
    assert header["license"] == "cc-by-nc-3.0"
    assert (header["base_model"], header["base_model_relation"]) == (BASE, "finetune")
    assert header["library_name"] == "transformers"
    figures = list(results["zste"].values())[-1]
    metrics = {metric["name"]: metric["value"] for metric in header["model-index"][0]["results"][0]["metrics"]}
    assert metrics["ZSTE: order, said with “before” (3A)"] == round(100 * figures["3A"], 2)
    low, high = (100 * bound for bound in figures["3A_ci95"])
    assert f" {100 * figures['3A']:.1f} ({low:.1f} to {high:.1f}) |\n" in text.replace("**", "")
    for part in (f'AutoModel.from_pretrained("{ID}"', f'"{ID}", subfolder="adapter"', "A (2 steps), B (2 steps)"):
        assert part in text
    assert "{{" not in text
    assert "{%" not in text


def test_a_token_without_rights_is_refused_before_any_training(hub, esc50_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", "hf_dummy")
    hub.faults.append(Fault("GET", "auth-check", 403))
    of_run = ("--model_name_or_path", tmp_path / "clap", "--output_dir", tmp_path / "run")
    result = run_here("train_accelerate.py", *small(esc50_dir), *of_run)
    assert result.returncode == 1
    assert f"train_accelerate.py: error: --hub_model_id {ID}: the token may not write there" in result.stderr
    assert not (tmp_path / "run").exists()


def test_trackers_write_what_happens(train, tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    result = train("--report_to", "tensorboard", "--logging_steps", 1)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / "run" / "runs" / "clap_lora" / "teminal"
    events = event_accumulator.EventAccumulator(str(folder)).Reload()
    steps = [event.step for event in events.Scalars("train/loss")]
    assert steps == [1, 2, 3, 4]
    assert {"train/tnce", "train/replay", "train/learning_rate"} <= set(events.Tags()["scalars"])
