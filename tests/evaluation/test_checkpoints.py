import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from transformers import ClapModel

from teminal.evaluation.checkpoints import load_clap
from teminal.training.scratch import build_scratch_clap

from ..conftest import TINY_SCRATCH, run_cli

THREE_WAYS = """
import json, sys
import torch
from transformers import AutoModel, AutoProcessor, ClapModel, pipeline

folder, out = sys.argv[1:]
inputs = torch.load("inputs.pt")
trusted = AutoModel.from_pretrained(folder, trust_remote_code=True)
auto = AutoModel.from_pretrained(folder)
stock = ClapModel.from_pretrained(folder)
pipe = pipeline("zero-shot-audio-classification", model=folder)
names = [type(model).__name__ for model in (trusted, auto, stock, pipe.model)]
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
names.append(type(processor.feature_extractor).__name__)
with torch.no_grad():
    outputs = [model.eval()(**inputs) for model in (trusted, auto, stock, pipe.model)]
answer = pipe(inputs["input_features"][0, 0].flatten().numpy(), candidate_labels=["wind", "siren"])
torch.save([(output.audio_embeds, output.text_embeds) for output in outputs], out)
print(json.dumps({"names": names, "labels": sorted(item["label"] for item in answer)}))
"""


def test_saved_checkpoint_loads_the_three_ways_in_a_fresh_process(tiny_clap, inputs, tmp_path):
    model, processor = tiny_clap
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    torch.save(inputs, tmp_path / "inputs.pt")
    result = subprocess.run(
        [sys.executable, "-c", THREE_WAYS, "model", "embeds.pt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["names"] == ["TeminalModel", "ClapModel", "ClapModel", "ClapModel", "TeminalFeatureExtractor"]
    assert report["labels"] == ["siren", "wind"]
    expected = model(**inputs)
    for audio_embeds, text_embeds in torch.load(tmp_path / "embeds.pt"):
        assert (audio_embeds - expected.audio_embeds).abs().max() <= 1e-5
        assert (text_embeds - expected.text_embeds).abs().max() <= 1e-5


def test_checkpoint_with_head_is_refused_without_trust(bank, inputs, tmp_path):
    model, processor = build_scratch_clap(bank, temporal_head=True, **TINY_SCRATCH)
    torch.nn.init.normal_(model.temporal_head.output.weight)
    model.eval().save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    torch.save(inputs, tmp_path / "inputs.pt")
    code = (
        "import torch; from transformers import AutoModel\n"
        "inputs = torch.load('inputs.pt')\n"
        "model = AutoModel.from_pretrained('model', trust_remote_code=True).eval()\n"
        "torch.save(model(**inputs).audio_embeds, 'embeds.pt')\n"
        "try: AutoModel.from_pretrained('model', trust_remote_code=False)\n"
        "except ValueError as error: print('refused', 'trust_remote_code' in str(error))\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "refused True" in result.stdout, result.stderr
    embeds = torch.load(tmp_path / "embeds.pt")
    assert (embeds - model(**inputs).audio_embeds).abs().max() <= 1e-5


def test_stock_checkpoint_gives_the_same_embeddings_with_and_without_a_fresh_head(tiny_clap, inputs, tmp_path):
    model, processor = tiny_clap
    config = model.config.to_dict()
    config.pop("auto_map", None)
    stock = ClapModel(ClapModel.config_class.from_dict(config)).eval()
    stock.load_state_dict(model.state_dict())
    stock.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    expected = stock(**inputs)
    for temporal_head in (False, True):
        ours, _ = load_clap(str(tmp_path), temporal_head=temporal_head)
        output = ours(**inputs)
        assert (output.audio_embeds - expected.audio_embeds).abs().max() <= 1e-6
        assert (output.logits_per_audio - expected.logits_per_audio).abs().max() <= 1e-4


def test_damaged_and_foreign_checkpoints_are_refused(tiny_clap, tmp_path):
    model, processor = tiny_clap
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged"):
        load_clap(str(tmp_path))
    save_file({"bert.weight": torch.zeros(1)}, weights, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="not a whole CLAP"):
        load_clap(str(tmp_path))
    weights.write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "projection_dim": 48}))
    with pytest.raises(ValueError, match="of another shape"):
        load_clap(str(tmp_path))


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        (None, {"projection_dim": "many"}, "projection_dim"),
        (None, {"model_type": "bert"}, "bert"),
        (None, {"temporal_positions": 0}, "temporal_positions=0"),
        ("audio_config", {"depths": [2, -1]}, r"depths\[1\]=-1"),
        ("audio_config", {"depths": [2]}, "one per stage"),
        ("audio_config", {"spec_size": 100}, "spec_size=100"),
        ("audio_config", {"num_attention_heads": [3, 4]}, "multiple of the number of attention heads"),
        ("audio_config", {"hidden_act": "nonsense"}, "nonsense"),
        ("text_config", {"hidden_size": 33}, "33"),
    ],
)
def test_a_nonsense_config_is_refused_before_the_weights_are_read(tiny_clap, tmp_path, part, values, message):
    model, processor = tiny_clap
    processor.save_pretrained(tmp_path)
    config = json.loads(model.config.to_json_string(use_diff=False))
    (config[part] if part else config).update(values)
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"no CLAP can be built from its config\.json.*{message}"):
        load_clap(str(tmp_path))


def test_a_model_with_head_loads_without_a_question(bank, tmp_path):
    model, processor = build_scratch_clap(bank, temporal_head=True, **TINY_SCRATCH)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    code = "import sys; from teminal.evaluation.checkpoints import load_clap; load_clap(sys.argv[1])"
    result = run_cli("-c", code, tmp_path)
    assert result.returncode == 0, result.stderr
    assert "custom code" not in result.stdout + result.stderr
    assert "You are using a model of type" not in result.stderr
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(OSError, match=r"no tokenizer\.json or vocab\.json"):
        load_clap(str(tmp_path))


def test_model_folder_without_weights_is_refused(tiny_clap, tmp_path):
    model, processor = tiny_clap
    model.config.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    with pytest.raises(OSError, match=r"model\.safetensors"):
        load_clap(str(tmp_path))
