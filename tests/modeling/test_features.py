from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.signal
import soxr
import torch
from transformers import ClapFeatureExtractor

from modeling_teminal import TeminalFeatureExtractor
from modeling_teminal.waveform_teminal import resample
from modeling_teminal.windows_teminal import ABSENT_DB

STOCK = {"truncation": "rand_trunc", "frequency_min": 50}


@pytest.fixture(scope="module")
def extractors():
    return ClapFeatureExtractor(**STOCK), TeminalFeatureExtractor(**STOCK)


def waveform(n_samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


@pytest.mark.parametrize("n_samples", [480_000, 240_000, 100_001])
@pytest.mark.parametrize("padding", ["repeatpad", "repeat", "pad"])
def test_same_numbers_as_stock(n_samples, padding):
    stock = ClapFeatureExtractor(**STOCK, padding=padding)
    ours = TeminalFeatureExtractor(**STOCK, padding=padding)
    expected = stock(waveform(n_samples), sampling_rate=48_000, return_tensors="pt")["input_features"]
    features = ours(waveform(n_samples), sampling_rate=48_000)["input_features"]
    assert features.shape == expected.shape == (1, 1, 1001, 64)
    assert (features - expected).abs().max() <= 2e-5


def test_pure_tones_give_the_same_numbers(extractors):
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(240_000) / 48_000)).astype(np.float32)
    stock, ours = (
        extractor(tone, sampling_rate=48_000, return_tensors="pt")["input_features"] for extractor in extractors
    )
    assert (ours - stock).abs().max() <= 2e-5


def test_fused_checkpoints_get_four_channels_of_their_own_filters():
    stock, ours = ClapFeatureExtractor(frequency_min=50), TeminalFeatureExtractor(frequency_min=50)
    expected = stock(waveform(300_000), sampling_rate=48_000, return_tensors="pt")["input_features"]
    features = ours(waveform(300_000), sampling_rate=48_000)["input_features"]
    assert features.shape == (1, 4, 1001, 64)
    assert (features - expected).abs().max() <= 2e-5


def test_a_clip_does_not_depend_on_its_batch(extractors):
    clips = [waveform(n, seed=n) for n in (480_000, 1_500_000, 90_000, 240_000, 600_000, 48_000)]
    batch = extractors[1](clips, sampling_rate=48_000)
    assert batch["input_features"].shape == (6, 4, 1001, 64)
    for clip, row, count in zip(clips, batch["input_features"], (1, 4, 1, 1, 2, 1), strict=True):
        assert torch.equal(extractors[1](clip, sampling_rate=48_000)["input_features"][0], row[:count])
        assert (row[count:] == ABSENT_DB).all()


def test_head_keeps_the_start(extractors):
    clip = waveform(1_000_000)
    windows = extractors[1](clip, sampling_rate=48_000)["input_features"]
    head = extractors[1](clip, sampling_rate=48_000, truncation="head")
    assert torch.equal(head["input_features"], windows[:, :1])


@pytest.mark.parametrize("form", [list, np.asarray, torch.as_tensor, lambda x: [x], lambda x: x[None]])
def test_every_input_form_gives_the_same(extractors, form):
    clip = waveform(4800)
    expected = extractors[1]([torch.from_numpy(clip)], sampling_rate=48_000)["input_features"]
    assert torch.equal(extractors[1](form(clip), sampling_rate=48_000)["input_features"], expected)


def chord(sampling_rate):
    t = np.arange(3 * sampling_rate) / sampling_rate
    swell = np.sin(np.pi * t / 3) ** 2
    return swell * sum(0.2 * np.sin(2 * np.pi * frequency * t) for frequency in (220, 660, 1900))


def test_8_khz_stereo_pcm_is_its_48_khz_mono_version(extractors):
    left, right = 1.5 * chord(8_000), 0.5 * chord(8_000)
    pcm = (np.stack([left, right]) * 32_768).astype(np.int16)
    expected = extractors[1](chord(48_000).astype(np.float32), sampling_rate=48_000)["input_features"]
    loud = expected > expected.max() - 40
    for form in (pcm, pcm.T, torch.from_numpy(pcm)):
        features = extractors[1]([form], sampling_rate=8_000)["input_features"]
        assert features.shape == expected.shape
        assert (features - expected)[loud].abs().max() <= 0.1
    batch = extractors[1](pcm[None], sampling_rate=8_000)["input_features"]
    assert torch.equal(batch, features)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 48_000), (16_000, 48_000), (96_000, 48_000)])
def test_resampling_is_that_of_soxr(from_hz, to_hz):
    noise = scipy.signal.sosfiltfilt(
        scipy.signal.butter(8, 7_000, fs=from_hz, output="sos"), waveform(from_hz)
    ).astype(np.float32)
    expected = soxr.resample(noise, from_hz, to_hz, quality="VHQ")
    ours = resample(torch.from_numpy(noise)[None], from_hz, to_hz)[0].numpy()
    assert len(ours) == len(expected)
    inner = slice(to_hz // 10, -to_hz // 10)
    error = np.square(ours - expected)[inner].mean() / np.square(expected)[inner].mean()
    assert 10 * np.log10(error) <= -80


@pytest.mark.parametrize(
    ("clips", "options", "message"),
    [
        ([waveform(100), np.full(100, np.nan)], {}, "clip 1 holds values that are not finite"),
        ([waveform(100), np.zeros((2, 3, 100))], {}, r"clip 1 must be \(samples,\)"),
        ([waveform(100), np.zeros(0)], {}, "clip 1 is empty"),
        ([waveform(100), np.zeros(100, np.uint8)], {}, r"clip 1 is torch\.uint8: give floats"),
        ([waveform(100)], {"sampling_rate": 0}, "sampling_rate=0"),
        ([], {}, "no clip"),
        ([waveform(100)], {"truncation": "random"}, "truncation='random': use None"),
        ([waveform(100)], {"padding": "zero"}, "padding='zero': use None or one of repeatpad"),
    ],
)
def test_bad_audio_is_named(extractors, clips, options, message):
    with pytest.raises(ValueError, match=message):
        extractors[1](clips, **options)


def test_extraction_beside_training_leaves_its_autocast_cache(extractors):
    """Else gradients are summed now in bf16, now in fp32, as the threads happen to run."""
    weight = torch.ones(4, 4, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16), ThreadPoolExecutor(1) as pool:
        before = torch.ones(2, 4) @ weight
        pool.submit(extractors[1], waveform(48_000), sampling_rate=48_000).result()
        after = torch.ones(2, 4) @ weight
    (_, cast), (_, cast_again) = before.grad_fn.next_functions, after.grad_fn.next_functions
    assert cast == cast_again


def test_fp32_under_autocast(extractors):
    features = extractors[1](waveform(48_000), sampling_rate=48_000)["input_features"]
    with torch.autocast("cpu", torch.bfloat16):
        assert extractors[1](waveform(48_000), sampling_rate=48_000)["input_features"].equal(features)
