"""Exported models: the embeddings of the checkpoint without torch, refused where they differ, and what 8 bits cost."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import teminal
from modeling_teminal import TeminalConfig, TeminalModel
from teminal.cli import main
from teminal.evaluation import onnx_export
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import Clap
from teminal.evaluation.onnx import OnnxModel
from teminal.evaluation.onnx_export import export_onnx, require_same_embeddings
from teminal.training.models import export_model

from ..conftest import ROOT
from ..tones import write_tones

CAPTIONS = ["This is a sound of dog before rain.", "rain", "dog " * 300]

WITHOUT_TORCH = """
import sys
for library in ("torch", "transformers", "accelerate"):
    sys.modules[library] = None
import numpy as np, teminal
model = teminal.load(sys.argv[1], verify=True)
audio = teminal.embed_audio(model, sys.argv[3:])
for array in (np.ones(9000), np.ones((2, 9000), np.int16)):
    assert teminal.embed_audio(model, [array], 44_100).shape == audio[:1].shape
np.savez(sys.argv[2], audio=audio, text=teminal.embed_text(model, ["This is a sound of dog before rain.", "rain"]))
"""


@pytest.fixture(scope="module")
def checkpoint(tiny_clap, tmp_path_factory):
    """A saved run with a temporal head that is not zero."""
    base, processor = tiny_clap
    values = {name: getattr(base.config, name).to_dict() for name in ("audio_config", "text_config")}
    torch.manual_seed(0)
    model = TeminalModel(TeminalConfig(**values, projection_dim=base.config.projection_dim, temporal_head=True))
    torch.nn.init.normal_(model.temporal_head.output.weight, std=0.1)
    folder = tmp_path_factory.mktemp("run")
    export_model(model.eval(), processor, folder)
    return folder


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(str(checkpoint), folder)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    lengths_s = (0.5, 10, 47, 3)  # the third is decoded in blocks
    return [write_tones(folder / f"{seconds}.wav", 1, 3, seconds) for seconds in lengths_s]


def test_it_embeds_without_torch_what_the_checkpoint_embeds(checkpoint, exported, files, tmp_path):
    command = [sys.executable, "-c", WITHOUT_TORCH, exported, tmp_path / "out.npz", *files]
    result = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    found, model = np.load(tmp_path / "out.npz"), teminal.load(checkpoint)
    assert np.abs(found["audio"] - teminal.embed_audio(model, files)).max() <= 1e-4
    assert np.abs(found["text"] - teminal.embed_text(model, CAPTIONS[:2])).max() <= 1e-4
    assert found["audio"].dtype == found["text"].dtype == np.float32


def test_arrays_of_any_kind_and_long_captions(checkpoint, exported):
    clips = [np.ones(3000), np.random.default_rng(0).integers(-9999, 9999, (2, 44_100 * 12)).astype(np.int16)]
    model, ours = teminal.load(checkpoint), teminal.load(exported, batch_size=2)
    assert isinstance(ours, OnnxModel)
    expected = teminal.embed_audio(model, clips, 44_100)
    assert np.abs(teminal.embed_audio(ours, clips, 44_100) - expected).max() <= 1e-4
    assert np.abs(ours.embed_text(CAPTIONS) - model.embed_text(CAPTIONS)).max() <= 1e-4
    assert ours.identity == model.identity
    assert ours.embed_text([]).shape == model.embed_text([]).shape


def test_what_gives_other_embeddings_is_refused(checkpoint, tmp_path, monkeypatch):
    with torch.no_grad():
        clap = Clap(str(checkpoint))

        class Off:
            def embed_audio(self, clips, sampling_rate):
                return clap.embed_audio(clips, sampling_rate) + 2e-4

            embed_text = staticmethod(clap.embed_text)

        with pytest.raises(ValueError, match=r"the exported model is refused: its audio embeddings are 0\.0002 off"):
            require_same_embeddings(clap, Off())

    def write_nothing(*arguments):
        raise ValueError("refused")

    monkeypatch.setattr(onnx_export, "write_graphs", write_nothing)
    with pytest.raises(ValueError, match="refused"):
        export_onnx(str(checkpoint), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_eight_bits_are_smaller_and_their_card_says_what_they_cost(checkpoint, exported, esc50_dir, tmp_path, capsys):
    flags = ["--output_dir", tmp_path / "int8", "--int8", "--source", "esc50", "--esc50_dir", esc50_dir]
    main(list(map(str, ["export", checkpoint, *flags, "--folds", "2", "--n_scenes", "6"])))
    assert "MB; its README.md says what 8 bits cost" in capsys.readouterr().out
    size, of_fp32 = (
        sum(file.stat().st_size for file in folder.glob("*.onnx")) for folder in (tmp_path / "int8", exported)
    )
    assert size < 0.9 * of_fp32
    model, whole = teminal.load(tmp_path / "int8", verify=True), teminal.load(exported)
    cosines = (model.embed_text(CAPTIONS) * whole.embed_text(CAPTIONS)).sum(1)
    assert 0.98 < cosines.min() < 1 - 1e-7
    assert model.identity != whole.identity
    report = json.loads((tmp_path / "int8/zste.json").read_text())
    assert set(report["zste"]) == {"torch", "int8"}
    assert str(tmp_path) not in (tmp_path / "int8/zste.json").read_text()
    card = (tmp_path / "int8/README.md").read_text()
    assert 0.9 < report["cosine"]["least"] <= report["cosine"]["mean"] < 1
    assert f"{report['cosine']['mean']:.4f} on average" in card
    for name in ("recognition", "temporal", "task6"):
        assert f"| {100 * report['zste']['torch'][name]:.1f} % | {100 * report['zste']['int8'][name]:.1f} % |" in card
    assert str(tmp_path) not in card
    main(["export", str(checkpoint), "--output_dir", str(tmp_path / "int8")])
    assert f"MB; its embeddings are those of {checkpoint}" in capsys.readouterr().out
    assert not (tmp_path / "int8/zste.json").exists()
    assert teminal.load(tmp_path / "int8").identity == whole.identity


def test_damaged_exports_are_one_sentence(exported, tmp_path, monkeypatch):
    for name, content in (
        ("windows.onnx", b"junk"),
        ("tokenizer.json", b"{"),
        ("onnx.json", b"{"),
        ("text.onnx", None),
    ):
        folder = tmp_path / name
        shutil.copytree(exported, folder)
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"--model_name_or_path {folder}: damaged, export it again"):
            teminal.load(folder)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ValueError, match="an exported model needs onnxruntime: pip install"):
        teminal.load(exported)


def test_a_model_is_verified_by_its_test_vector(checkpoint, tmp_path):
    teminal.load(checkpoint, verify=True)
    other = tmp_path / "other"
    shutil.copytree(checkpoint, other)
    weights = load_file(other / "model.safetensors")
    weights["audio_projection.linear2.bias"] += 0.1
    save_file(weights, other / "model.safetensors", {"format": "pt"})
    assert load_clap(str(other))
    with pytest.raises(ValueError, match=r"its audio test vector is 0\.\d+ off"):
        teminal.load(other, verify=True)
    (other / "test_vector.json").unlink()
    with pytest.raises(ValueError, match=r"it has no test_vector\.json to verify it by"):
        teminal.load(other, verify=True)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["./nowhere", "--output_dir", "x"], "--model ./nowhere: no such folder"),
        (["configs", "--output_dir", "README.md"], "--output_dir README.md: cannot be written"),
        (["configs", "--output_dir", "configs"], "--output_dir configs: it holds .* and no exported model"),
        (["configs", "--output_dir", "{out}", "--int8", "--source", "esc50"], "needs --esc50_dir"),
        (["configs", "--output_dir", "{out}"], "--model configs: .*config.json"),
        (["{exported}", "--output_dir", "{out}"], "it is exported already; give the checkpoint"),
    ],
)
def test_what_cannot_be_exported_is_named(flags, message, exported, tmp_path):
    with pytest.raises(SystemExit, match=rf"^teminal: error: .*{message}"):
        main(["export", *(flag.format(out=tmp_path / "out", exported=exported) for flag in flags)])
