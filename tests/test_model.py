import copy
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import AutoProcessor, ClapModel, Trainer, TrainingArguments

from eval.encoder import load_clap
from modeling_teminal import TeminalConfig, TeminalModel, tnce_loss
from training.scratch import build_scratch_clap

from .conftest import TINY_SCRATCH, run_cli

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


@pytest.fixture
def inputs(tiny_clap, bank):
    _, processor = tiny_clap
    audio = [clip.astype(np.float32) for clip in bank.raw[:3]]
    features = processor.feature_extractor(audio, sampling_rate=48_000)
    text = processor.tokenizer(["a siren", "wind before rain", "x"], padding=True, return_tensors="pt")
    return {**text, **features}


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


def test_state_dict_keys_are_those_of_clap(tiny_clap):
    model, _ = tiny_clap
    stock = ClapModel(ClapModel.config_class.from_dict(model.config.to_dict()))
    assert set(model.state_dict()) == set(stock.state_dict())


def test_loss_is_symmetric(tiny_clap, inputs):
    model, _ = tiny_clap
    output = model(**inputs, return_loss=True)
    target = torch.arange(3)
    both = F.cross_entropy(output.logits_per_audio, target) + F.cross_entropy(output.logits_per_text, target)
    assert output.loss.item() == pytest.approx(both.item() / 2, rel=1e-6)
    with pytest.raises(ValueError, match="one caption per audio"):
        model(**{**inputs, "input_features": inputs["input_features"][:2]}, return_loss=True)


def test_forward_gives_the_tnce_loss(tiny_clap, inputs):
    model, _ = tiny_clap
    holds = torch.eye(3, dtype=torch.bool)
    holds[0, 1] = True
    truth = {"group": torch.tensor([0, 0, 1]), "variant": torch.tensor([1, 2, 3]), "holds": holds}
    output = model(**inputs, return_loss=True, **truth)
    scales = model.logit_scale_a.exp(), model.logit_scale_t.exp()
    assert output.loss == tnce_loss(output.audio_embeds, output.text_embeds, *scales, **truth)


def test_transformers_trainer_lowers_the_loss(tiny_clap, bank, tmp_path):
    model, processor = copy.deepcopy(tiny_clap[0]), tiny_clap[1]
    clips = [bank.by_class[label][0] for label in bank.classes[:8]]
    rows = [{"audio": bank.raw[clip].astype(np.float32), "text": bank.labels[clip]} for clip in clips]

    def collate(chosen):
        inputs = processor(
            text=[row["text"] for row in chosen],
            audio=[row["audio"] for row in chosen],
            sampling_rate=48_000,
            padding=True,
            return_tensors="pt",
        )
        return {**inputs, "return_loss": True}

    arguments = TrainingArguments(
        tmp_path,
        per_device_train_batch_size=8,
        max_steps=12,
        learning_rate=3e-4,
        logging_steps=1,
        remove_unused_columns=False,
        report_to=[],
        use_cpu=True,
    )
    trainer = Trainer(model, arguments, train_dataset=rows, data_collator=collate)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[-1] < losses[0] - 0.1


def test_long_audio_is_the_average_of_its_windows(tiny_clap, bank):
    model, processor = tiny_clap
    extractor = processor.feature_extractor
    long = np.concatenate([bank.raw[i].astype(np.float32) for i in range(5)])
    short = bank.raw[7].astype(np.float32)
    with torch.no_grad():
        mixed = model.get_audio_features(**extractor([short, long], sampling_rate=48_000)).pooler_output
        alone = model.get_audio_features(**extractor(short, sampling_rate=48_000)).pooler_output
        windows = [long[:480_000], long[360_000:840_000], long[-480_000:]]
        parts = model.get_audio_features(**extractor(windows, sampling_rate=48_000)).pooler_output
    assert (mixed[0] - alone[0]).abs().max() <= 1e-5
    assert (mixed[1] - F.normalize(parts.sum(0), dim=0)).abs().max() <= 1e-5


def test_temporal_head_sees_order():
    config = TeminalConfig(
        audio_config=TINY_SCRATCH["audio_config"], text_config=TINY_SCRATCH["text_config"], temporal_head=True
    )
    model = TeminalModel(config).eval()
    torch.nn.init.normal_(model.temporal_head.output.weight)
    hidden = torch.randn(1, 32, 2, 16)
    assert not torch.allclose(model.temporal_head(hidden), model.temporal_head(hidden.flip(3)), atol=1e-3)


def test_audio_and_text_go_through_the_processor_together(tiny_clap, bank, tmp_path):
    model, processor = tiny_clap
    processor.save_pretrained(tmp_path)
    processor = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    captions = ["This is a sound of siren before wind.", "This is a sound of wind before siren."]
    waveform = bank.raw[0].astype(np.float32)
    for options in ({}, {"truncation": True}):
        inputs = processor(
            text=captions, audio=waveform, sampling_rate=48_000, padding=True, return_tensors="pt", **options
        )
        assert model(**inputs).logits_per_audio.shape == (1, 2)


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
    with pytest.raises(ValueError, match="not a CLAP"):
        load_clap(str(tmp_path))
    weights.write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "projection_dim": 48}))
    with pytest.raises(ValueError, match="of another shape"):
        load_clap(str(tmp_path))


def test_a_model_with_head_loads_without_a_question(bank, tmp_path):
    model, processor = build_scratch_clap(bank, temporal_head=True, **TINY_SCRATCH)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    code = "import sys; from eval.encoder import load_clap; load_clap(sys.argv[1])"
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
