"""Pipelines with a row per clip, as people build them of `datasets`, with short and long clips."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, default_data_collator

from modeling_teminal import TeminalAudioModelWithProjection

from ..tones import save_clap


@pytest.fixture(scope="module")
def clips(bank):
    sounds = [clip.astype(np.float32) for clip in bank.raw[:6]]
    half_silent = np.where(np.arange(len(sounds[5])) < 100_000, sounds[5], 0).astype(np.float32)
    return [sounds[0], np.concatenate([*sounds[1:3], half_silent, half_silent]), half_silent]


@pytest.fixture(scope="module")
def expected(tiny_clap, clips):
    model, processor = tiny_clap
    with torch.no_grad():
        each = [model.get_audio_features(**processor.feature_extractor(clip, sampling_rate=48_000)) for clip in clips]
    return torch.cat([output.pooler_output for output in each])


def embed(model, batches):
    with torch.no_grad():
        return torch.cat([model.get_audio_features(**batch).pooler_output for batch in batches])


def rows_of(clips, extractor, **options):
    def extract(rows):
        return extractor(rows["waveform"], sampling_rate=48_000, return_tensors="np")

    return (
        Dataset.from_dict({"waveform": clips}).map(extract, remove_columns="waveform", **options).with_format("torch")
    )


def test_map_of_batches_with_the_default_collator(tiny_clap, clips, expected):
    rows = rows_of(clips, tiny_clap[1].feature_extractor, batched=True)
    assert len(rows) == 3
    assert set(rows.column_names) == {"input_features", "is_longer"}
    for collate in (default_data_collator, None):
        embeds = embed(tiny_clap[0], DataLoader(rows, batch_size=2, collate_fn=collate))
        assert (embeds - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("options", [{}, {"batched": True, "batch_size": 1}])
def test_map_of_single_clips_is_padded_by_the_collator(tiny_clap, clips, expected, options):
    extractor = tiny_clap[1].feature_extractor
    rows = rows_of(clips, extractor, **options)
    embeds = embed(tiny_clap[0], DataLoader(rows, batch_size=3, collate_fn=DataCollatorWithPadding(extractor)))
    assert (embeds - expected).abs().max() <= 1e-5
    one_by_one = embed(tiny_clap[0], DataLoader(rows, batch_size=1))
    assert (one_by_one - expected).abs().max() <= 1e-5
    with pytest.raises(RuntimeError, match="equal size"):  # not fewer clips, nor more embeddings than clips
        next(iter(DataLoader(rows, batch_size=3)))


def test_with_transform_and_the_default_collator(tiny_clap, clips, expected):
    def extract(rows):
        return tiny_clap[1].feature_extractor(rows["waveform"], sampling_rate=48_000)

    rows = Dataset.from_dict({"waveform": clips}).with_transform(extract)
    embeds = embed(tiny_clap[0], DataLoader(rows, batch_size=2))
    assert (embeds - expected).abs().max() <= 1e-5


def test_trainer_takes_rows_of_any_length(tiny_clap, clips, expected, tmp_path):
    extractor = tiny_clap[1].feature_extractor
    model = TeminalAudioModelWithProjection.from_pretrained(save_clap(tiny_clap, tmp_path))
    arguments = TrainingArguments(tmp_path, per_device_eval_batch_size=2, report_to=[], use_cpu=True)
    trainer = Trainer(model, arguments, processing_class=extractor)
    rows = rows_of(clips, extractor)
    embeds = trainer.predict(rows, ignore_keys=["last_hidden_state"]).predictions
    assert np.abs(embeds - expected.numpy()).max() <= 1e-5


def test_a_row_per_window_with_its_counts_is_still_taken(tiny_clap, clips, expected):
    windows, _ = tiny_clap[1].feature_extractor.windows(clips, sampling_rate=48_000)
    counts = torch.tensor([len(clip) for clip in windows])
    assert counts.tolist() == [1, 2, 1]
    with torch.no_grad():
        embeds = tiny_clap[0].get_audio_features(torch.cat(windows), window_counts=counts).pooler_output
    assert (embeds - expected).abs().max() <= 1e-5


def test_a_window_with_nan_is_not_left_out(tiny_clap, clips):
    model, processor = tiny_clap
    features = processor.feature_extractor(clips, sampling_rate=48_000)["input_features"]
    features[1, 1, 3, 3] = torch.nan
    embeds = embed(model, [{"input_features": features}])
    assert embeds.isfinite().all(1).tolist() == [True, False, True]
