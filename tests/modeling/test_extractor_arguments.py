"""What is said at the call, beside the stock extractor; and what the stock one makes of our saved file."""

import copy
import logging

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import AutoProcessor, ClapFeatureExtractor, ClapProcessor
from transformers.utils import logging as transformers_logging

from modeling_teminal import TeminalFeatureExtractor, TeminalProcessor, waveform_teminal

SMALL = {"feature_size": 32, "hop_length": 2048, "fft_window_size": 4096, "frequency_min": 50}


def noise(n_samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def pair(**saved):
    return ClapFeatureExtractor(**SMALL, **saved), TeminalFeatureExtractor(**SMALL, **saved)


@pytest.mark.parametrize("saved", [{"truncation": "rand_trunc"}, {"truncation": "fusion", "padding": "pad"}])
@pytest.mark.parametrize(
    "arguments",
    [
        {"padding": "pad"},
        {"padding": "repeat"},
        {"padding": "repeatpad"},
        {"padding": True},
        {"truncation": "rand_trunc"},
        {"truncation": "fusion", "padding": "repeat"},
        {"max_length": 200_000, "padding": "repeatpad"},
        {"max_length": 70_000, "truncation": "rand_trunc"},
    ],
)
def test_arguments_of_the_call_are_those_of_stock(saved, arguments):
    stock, ours = pair(**saved)
    expected = stock(noise(70_000), sampling_rate=48_000, return_tensors="pt", **arguments)["input_features"]
    features = ours(noise(70_000), sampling_rate=48_000, **arguments)["input_features"]
    assert features.shape == expected.shape
    assert (features - expected).abs().max() <= 1e-4


def test_arguments_stand_in_the_order_of_stock():
    stock, ours = pair(truncation="rand_trunc")
    arguments = ("rand_trunc", "pad", 100_000, 48_000, "pt")
    features, expected = (extractor(noise(70_000), *arguments)["input_features"] for extractor in (ours, stock))
    assert (features - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("truncation", ["rand_trunc", "fusion"])
def test_longer_audio_is_cut_into_the_same_windows_each_time(truncation):
    _, ours = pair(truncation="rand_trunc")
    clip, channels = noise(250_000), 4 if truncation == "fusion" else 1
    rows = [ours(clip, truncation, max_length=100_000, sampling_rate=48_000)["input_features"] for _ in range(2)]
    windows = [clip[start : start + 100_000] for start in (0, 75_000, 150_000)]
    expected = ours(windows, truncation, max_length=100_000, sampling_rate=48_000)["input_features"]
    assert torch.equal(rows[0], rows[1])
    assert torch.equal(rows[0].reshape(3, channels, *rows[0].shape[2:]), expected)


def test_what_is_longer_by_less_than_a_frame_is_one_window_of_fused_checkpoints_as_in_stock():
    stock, ours = pair(truncation="fusion")
    expected = stock(noise(481_000), sampling_rate=48_000, return_tensors="pt")["input_features"]
    features = ours(noise(481_000), sampling_rate=48_000)["input_features"]
    assert features.shape == expected.shape
    assert (features - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("word", ["longest", "max_length", False])
def test_words_for_the_tokenizer_leave_the_audio_alone(word):
    _, ours = pair(truncation="rand_trunc")
    expected = ours(noise(70_000), sampling_rate=48_000)["input_features"]
    features = ours(noise(70_000), truncation=True, padding=word, max_length=77, sampling_rate=48_000)
    assert torch.equal(features["input_features"], expected)


def test_audio_is_never_cut_to_the_number_of_tokens(tiny_clap, tmp_path):
    """transformers hands what a tokenizer was saved with on to the feature extractor."""
    processor, clip = copy.deepcopy(tiny_clap[1]), noise(240_000)
    expected = processor(audio=clip, sampling_rate=48_000)["input_features"]
    for save in (ClapProcessor.save_pretrained, TeminalProcessor.save_pretrained):
        processor(text=["wind"], truncation=True, max_length=8)
        save(processor, tmp_path)
        again = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
        assert torch.equal(again(audio=clip, sampling_rate=48_000)["input_features"], expected)
    processor = again  # which was saved whole after it had been saved with the tokens
    processor.save_pretrained(tmp_path)
    stock = ClapProcessor.from_pretrained(tmp_path)
    features = stock(audio=clip, sampling_rate=48_000, return_tensors="pt")["input_features"]
    assert (features - expected).abs().max() <= 1e-4


def test_no_sampling_rate_is_warned_of_as_in_stock():
    texts = []
    handler = logging.Handler()
    handler.emit = lambda record: texts.append(record.getMessage())
    transformers_logging.get_logger("transformers").addHandler(handler)
    transformers_logging.get_logger("modeling_teminal.feature_extraction_teminal").addHandler(handler)
    stock, ours = pair(truncation="rand_trunc")
    for extractor in (stock, ours):
        extractor(noise(5_000))
        extractor(noise(5_000), sampling_rate=48_000)
    assert len(texts) == 2
    assert all(text.startswith("It is strongly recommended to pass the `sampling_rate` argument") for text in texts)


def test_stock_reads_our_file_and_refuses_what_it_would_crop_at_random(tmp_path):
    _, ours = pair(truncation="rand_trunc")
    ours.save_pretrained(tmp_path)
    stock = ClapFeatureExtractor.from_pretrained(tmp_path)
    expected = ours(noise(70_000), sampling_rate=48_000)["input_features"]
    features = stock(noise(70_000), sampling_rate=48_000, return_tensors="pt")["input_features"]
    assert (features - expected).abs().max() <= 1e-4
    with pytest.raises(NotImplementedError, match=r"windows \(trust_remote_code=True\) not implemented"):
        stock(noise(500_000), sampling_rate=48_000)
    again = TeminalFeatureExtractor.from_pretrained(tmp_path)
    long = noise(500_000)
    assert torch.equal(*(one(long, sampling_rate=48_000)["input_features"] for one in (again, ours)))


@pytest.mark.parametrize(
    "options",
    [
        {"padding": "longest"},
        {"padding": "max_length", "max_length": 8},
        {"padding": "max_length", "max_length": 4, "truncation": True},
        {"padding": True, "pad_to_multiple_of": 10},
    ],
)
def test_pad_of_other_sequences_is_that_of_stock(options):
    frames = [np.random.default_rng(n).random((n, 32)) for n in (4, 6)]
    for rows in ({"input_features": frames}, [{"input_features": rows} for rows in frames]):
        expected, padded = (one.pad(rows, return_tensors="np", **options)["input_features"] for one in pair())
        assert padded.dtype == np.float32
        assert np.array_equal(padded, expected)


def test_a_saved_processor_is_that_of_stock_unless_trusted(tiny_clap, tmp_path):
    processor = tiny_clap[1]
    processor.save_pretrained(tmp_path)
    changed = {"padding_value": 1.0, "do_normalize": False}
    for arguments in ({}, changed):
        stock = ClapProcessor.from_pretrained(tmp_path, **arguments).feature_extractor
        ours = TeminalFeatureExtractor.from_pretrained(tmp_path, **arguments)
        assert type(stock) is ClapFeatureExtractor
        assert stock.to_json_string() == ours.to_json_string()
    assert type(TeminalProcessor.from_pretrained(tmp_path).feature_extractor) is TeminalFeatureExtractor
    trusted = ClapProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert type(trusted.feature_extractor).__name__ == "TeminalFeatureExtractor"


class NoDoubles(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        result = function(*arguments, **(options or {}))
        assert getattr(result, "dtype", None) != torch.float64, function
        return result


def test_devices_without_doubles_get_the_features_in_fp32(monkeypatch):
    assert waveform_teminal.fft_dtype(torch.device("mps")) == torch.float32
    _, ours = pair(truncation="rand_trunc")
    clip = torch.from_numpy(noise(70_000))
    expected = ours(clip, sampling_rate=44_100)["input_features"]
    monkeypatch.setattr(waveform_teminal, "fft_dtype", lambda device: torch.float32)
    with NoDoubles():
        features = ours(clip, sampling_rate=44_100)["input_features"]
    assert (features - expected).abs().max() <= 1e-3
