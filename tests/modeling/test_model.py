import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import AutoProcessor, ClapModel, Trainer, TrainingArguments

from modeling_teminal import TeminalConfig, TeminalModel, tnce_loss

from ..conftest import TINY_SCRATCH


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


def test_long_audio_is_the_average_of_its_windows_before_the_projection(tiny_clap, bank):
    model, processor = tiny_clap
    extractor = processor.feature_extractor
    long = np.concatenate([bank.raw[i].astype(np.float32) for i in range(5)])
    short = bank.raw[7].astype(np.float32)
    with torch.no_grad():
        mixed = model.get_audio_features(**extractor([short, long], sampling_rate=48_000)).pooler_output
        alone = model.get_audio_features(**extractor(short, sampling_rate=48_000)).pooler_output
        windows = [long[:480_000], long[360_000:840_000], long[-480_000:]]
        pooled, _ = model.encode_windows(extractor(windows, sampling_rate=48_000)["input_features"])
        expected = F.normalize(model.audio_projection(pooled.mean(0)), dim=0)
    assert (mixed[0] - alone[0]).abs().max() <= 1e-5
    assert (mixed[1] - expected).abs().max() <= 1e-5


def test_a_clip_embeds_alike_alone_in_a_batch_and_in_any_order(tiny_clap, bank):
    model, processor = tiny_clap
    features = processor.feature_extractor([clip.astype(np.float32) for clip in bank.raw[:32]])["input_features"]
    order = torch.randperm(32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        batch = model.get_audio_features(features).pooler_output
        shuffled = model.get_audio_features(features[order]).pooler_output
        alone = torch.cat([model.get_audio_features(clip).pooler_output for clip in features.split(1)])
    assert (shuffled - batch[order]).abs().max() <= 1e-5
    assert (alone - batch).abs().max() <= 1e-5


def test_temporal_head_sees_order():
    config = TeminalConfig(
        audio_config=TINY_SCRATCH["audio_config"], text_config=TINY_SCRATCH["text_config"], temporal_head=True
    )
    model = TeminalModel(config).eval()
    torch.nn.init.normal_(model.temporal_head.output.weight)
    over_time = torch.randn(1, 32, 16)
    assert not torch.allclose(model.temporal_head(over_time), model.temporal_head(over_time.flip(2)), atol=1e-3)


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
