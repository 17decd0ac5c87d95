"""Files of any length: embedded window by window, with the numbers of the whole file, in bounded memory."""

import json
import os
import resource
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr
import torch

from modeling_teminal import TeminalFeatureExtractor, TeminalProcessor
from modeling_teminal.spans_teminal import window_spans
from teminal.audio import read_audio
from teminal.evaluation.clap import embed_waveforms
from teminal.evaluation.windows import LongFile, cut, cut_clips, decode_file, embed_windows, load_file, read_ahead

from ..conftest import ROOT
from ..tones import save_clap

FIVE_MINUTES_S = 300


def write_noise(path, seconds, rate=44_100, channels=2, seed=0):
    """Noise written piece by piece."""
    rng = np.random.default_rng(seed)
    with soundfile.SoundFile(path, "w", rate, channels) as file:
        for _ in range(seconds):
            file.write((0.1 * rng.standard_normal((rate, channels))).astype(np.float32))
    return path


def cut_one(clip, sampling_rate=48_000, model_rate=48_000):
    """The windows of one clip."""
    return [window.samples for window in cut_clips([clip], sampling_rate, model_rate, 480_000)]


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    return write_noise(tmp_path_factory.mktemp("long") / "long.wav", 95)


def test_a_long_file_has_the_samples_and_the_embedding_of_the_whole(long_file, tiny_clap):
    model, processor = tiny_clap
    whole, sound = read_audio(long_file), load_file(long_file)
    assert isinstance(sound, LongFile)
    assert sound.n_samples == len(whole)
    assert np.array_equal(np.concatenate(list(decode_file(long_file))), whole)
    features = processor.feature_extractor(whole, sampling_rate=48_000)
    extractor_sees = [whole[start : start + 480_000] for start in (0, len(whole) - 480_000)]
    seen = cut_one(sound)
    assert np.array_equal(seen[0], extractor_sees[0])
    assert np.array_equal(seen[-1], extractor_sees[1])
    with torch.no_grad():
        expected = model(
            input_ids=torch.tensor([[0, 2]]), attention_mask=torch.ones(1, 2, dtype=torch.long), **features
        ).audio_embeds
    found = embed_waveforms(model, processor, [sound, whole], 48_000, batch_size=4)
    assert np.abs(found - expected.numpy()).max() <= 1e-5


@pytest.mark.parametrize("n_samples", [1, 7, 10, 11, 25, 30, 37])
def test_windows_of_blocks_are_those_of_the_whole(n_samples):
    samples = np.arange(n_samples, dtype=np.float32)
    n_windows = -(-n_samples // 10)
    starts = [round(i * max(0, n_samples - 10) / max(1, n_windows - 1)) for i in range(n_windows)]
    for block in (1, 4, 100):
        found = list(cut(iter(np.split(samples, range(block, n_samples, block))), window_spans(n_samples, 10, 10)))
        assert [window.tolist() for window in found] == [samples[start : start + 10].tolist() for start in starts]


def test_a_header_that_is_wrong_costs_no_window(tmp_path):
    path = write_noise(tmp_path / "cut.wav", 50)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 4 // 5])  # the header still says 50 s
    sound = load_file(path)
    assert sound.n_samples == len(read_audio(path))
    assert len(cut_one(sound)) == 4


def test_a_long_file_is_decoded_at_the_rate_of_the_model(long_file, tiny_clap):
    model, processor = tiny_clap
    options = {"sampling_rate": 32_000, "feature_size": 32, "hop_length": 4096, "fft_window_size": 4096}
    processor = TeminalProcessor(TeminalFeatureExtractor(truncation="rand_trunc", **options), processor.tokenizer)
    found = embed_waveforms(model, processor, [load_file(long_file)], 48_000, batch_size=4)
    expected = embed_waveforms(model, processor, [read_audio(long_file)], 48_000, batch_size=4)
    assert np.abs(found - expected).max() <= 1e-3


@pytest.mark.parametrize(("truncation", "n_windows"), [("fusion", 1), ("rand_trunc", 2)])
def test_clips_are_cut_as_by_the_extractor(truncation, n_windows, tiny_clap, monkeypatch):
    """What is longer by less than a frame, fused checkpoints take whole."""
    extractor = TeminalFeatureExtractor(truncation=truncation)
    clip = np.random.default_rng(0).standard_normal(480_479).astype(np.float32)
    model, seen = tiny_clap[0], []

    def encode(windows, is_longer):
        seen.append(windows)
        return torch.ones(len(windows), model.config.audio_config.hidden_size), torch.ones(len(windows), 1, 1)

    monkeypatch.setattr(model, "encode_windows", encode)
    for samples in (clip, np.append(clip, 0)):
        embed_waveforms(model, TeminalProcessor(extractor, tiny_clap[1].tokenizer), [samples], 48_000)
    (expected,), _ = extractor.windows(clip, sampling_rate=48_000)
    assert torch.equal(seen[0], expected)
    assert [len(features) for features in seen] == [n_windows, 2]


def test_what_is_wrong_late_in_a_long_file_is_found_before_it_is_embedded(tmp_path):
    samples = np.zeros(48_000 * 40, np.float32)
    for value, message in ((np.nan, "not finite"), (1e20, "far outside")):
        samples[-5] = value
        soundfile.write(tmp_path / "late.wav", samples, 48_000, subtype="FLOAT")
        with pytest.raises(ValueError, match=message):
            load_file(tmp_path / "late.wav")


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 48_000), (48_000, 44_100), (16_000, 48_000)])
@pytest.mark.parametrize("n_samples", [40, 100_003, 4_000_001])
def test_arrays_are_resampled_in_blocks_to_what_they_are_as_a_whole(from_hz, to_hz, n_samples):
    noise = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    whole = soxr.resample(noise, from_hz, to_hz)
    spans = window_spans(len(whole), 480_000, 480_000)
    windows = cut_one(noise, from_hz, to_hz)
    assert all(np.array_equal(window, whole[span]) for window, span in zip(windows, spans, strict=True))


def test_windows_are_evenly_spaced_and_averaged():
    seen = []

    def embed(windows):
        assert len(windows) <= 2
        seen.extend(windows)
        rows = np.array([[2 * window[0], 1.0] for window in windows])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    clips = [np.arange(1.0, 6.0), np.arange(25.0), np.arange(10.0)]
    embeds = embed_windows(clips, 10, embed, 2, model_rate=10, size=10)
    assert [(window[0], len(window)) for window in seen] == [(1, 5), (0, 10), (8, 10), (15, 10), (0, 10)]
    rows = np.array([[0, 1], [16, 1], [30, 1]]) / np.array([[1], [257**0.5], [901**0.5]])
    assert embeds[1] == pytest.approx(rows.mean(0) / np.linalg.norm(rows.mean(0)))
    assert embeds.dtype == np.float32


def test_reading_ahead_keeps_the_order_and_the_distance():
    asked = []
    results = read_ahead(lambda number: asked.append(number) or 2 * number, iter(range(100)))
    assert next(results) == 0
    assert len(asked) <= 17
    assert list(results) == list(range(2, 200, 2))


def test_a_clip_that_is_no_audio_is_named(tiny_clap):
    good = np.ones(100, np.float32)
    for bad, message in (
        (np.full(100, np.inf), "holds values that are not finite"),
        (np.zeros(0), "is empty"),
        (np.zeros((2, 2, 2)), "must be"),
    ):
        with pytest.raises(ValueError, match=rf"^clip 2 {message}"):
            embed_waveforms(*tiny_clap, [good, good, bad], 48_000, batch_size=1)


def test_five_minutes_need_little_more_than_a_block(tmp_path, tiny_clap, monkeypatch):
    path = write_noise(tmp_path / "five.wav", FIVE_MINUTES_S)
    longest, (model, processor) = [], tiny_clap
    make = processor.feature_extractor.__class__.__call__

    def seen(extractor, clips, **options):
        longest.append(max(map(len, clips)))
        return make(extractor, clips, **options)

    monkeypatch.setattr(processor.feature_extractor.__class__, "__call__", seen)
    tracemalloc.start()
    embeds = embed_waveforms(model, processor, [load_file(path)], 48_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(embeds).all()
    assert max(longest) == 480_000
    assert len(longest) == 2  # 30 windows in batches of 16
    assert peak < 60e6 + 16 * 480_000 * 4  # and the windows of a batch: decoded in stereo the file is 106 MB


MEASURE = """
import resource, sys
from teminal import cli
from teminal.evaluation.clap import Clap
run = Clap.embed_audio
def measured(*args):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = run(*args)
    print("added KB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return found
Clap.embed_audio = measured
cli.main()
"""


@pytest.mark.slow
def test_four_files_of_half_an_hour_take_less_than_a_gigabyte(tmp_path, tiny_clap):
    (tmp_path / "audio").mkdir()
    first = write_noise(tmp_path / "audio" / "0.wav", 1800)
    for number in (1, 2, 3):
        os.link(first, tmp_path / "audio" / f"{number}.wav")
    flags = ["embed", tmp_path / "audio", "--model", save_clap(tiny_clap, tmp_path / "model")]
    flags += ["--index", tmp_path / "index", "--output_file", tmp_path / "out.npz"]
    command = [sys.executable, "-c", MEASURE, *map(str, flags)]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    added_kb = int(result.stdout.split("added KB")[1].split()[0])
    print(json.dumps({"added_mb": added_kb / 1024, "page_kb": resource.getpagesize() / 1024}))
    assert added_kb < 1_000_000
    assert len(np.load(tmp_path / "out.npz")["embedding"]) == 4
