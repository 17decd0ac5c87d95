"""Clips of 3 to 60 s through the whole model: what the head hears, and one embedding by every way."""

import copy

import numpy as np
import pytest
import soundfile
import torch
from torch.nn import functional as F
from transformers import ClapModel, DataCollatorWithPadding, Trainer, TrainingArguments
from transformers.modeling_outputs import BaseModelOutputWithPooling

from modeling_teminal import TeminalAudioModelWithProjection, TeminalModel
from teminal.evaluation.clap import Clap, embed_features, embed_waveforms
from teminal.evaluation.windows import LongFile, load_file
from teminal.features import compute_features

SECONDS = (3, 12, 60, 10, 25)


@pytest.fixture(scope="module")
def checkpoint(tiny_clap):
    """A model whose head does something, and its processor."""
    torch.manual_seed(0)
    base, processor = copy.deepcopy(tiny_clap)
    model = TeminalModel(TeminalModel.config_class.from_dict(base.config.to_dict() | {"temporal_head": True})).eval()
    model.load_state_dict(base.state_dict(), strict=False)
    torch.nn.init.normal_(model.temporal_head.output.weight)
    processor.feature_extractor.return_num_frames = True
    return model, processor


@pytest.fixture(scope="module")
def clips(bank):
    """Clips of `SECONDS`, of other sounds every 5 s."""
    sounds = np.concatenate([bank.raw[row].astype(np.float32) for row in range(12)])
    return [np.roll(sounds, 240_000 * row)[: seconds * 48_000] for row, seconds in enumerate(SECONDS)]


@pytest.fixture(scope="module")
def features(checkpoint, clips):
    return checkpoint[1].feature_extractor(clips, sampling_rate=48_000)


@pytest.fixture(scope="module")
def expected(checkpoint, clips):
    """The embedding of each clip alone."""
    model, processor = checkpoint
    with torch.no_grad():
        alone = [model.get_audio_features(**processor.feature_extractor(clip, sampling_rate=48_000)) for clip in clips]
    return torch.cat([outputs.pooler_output for outputs in alone])


def test_a_head_without_own_time_hears_whole_windows(checkpoint, clips, tmp_path):
    model, processor = copy.deepcopy(checkpoint)
    short = processor.feature_extractor(clips[0], sampling_rate=48_000)  # 3 s, repeated to 10
    with torch.no_grad():
        on_own_time = model.get_audio_features(**short).pooler_output
        model.config.own_time = False
        without = model.get_audio_features(**short).pooler_output
        whole = model.get_audio_features(**{name: short[name] for name in ("input_features", "is_longer")})
    assert_close(without, whole.pooler_output)
    assert (without - on_own_time).abs().max() > 1e-3
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded = Clap(str(tmp_path))
    assert not loaded.model.config.own_time
    assert_close(loaded.embed_audio(clips[:1], 48_000), without)


def assert_close(embeds, expected):
    assert (torch.as_tensor(embeds) - expected).abs().max() <= 1e-5


def two_tones(first_hz, second_hz, seconds):
    """A clip whose halves are two tones."""
    t = np.arange(round(seconds * 24_000)) / 48_000
    return np.concatenate([np.sin(2 * np.pi * hz * t) for hz in (first_hz, second_hz)]).astype(np.float32)


@pytest.fixture
def positions(checkpoint, monkeypatch):
    """What the head hears of clips through a tower that hears the features themselves, in 20 cells: (B, P, C)."""
    model, processor = checkpoint

    def hear(input_features, **_):
        cells = F.adaptive_avg_pool1d(input_features[:, 0].transpose(1, 2), 20)
        return BaseModelOutputWithPooling(last_hidden_state=cells[:, :, None], pooler_output=cells.mean(2))

    def positions(clips):
        heard = []
        with monkeypatch.context() as patch, torch.no_grad():
            patch.setattr(model.audio_model, "forward", hear)
            hook = model.temporal_head.layer.register_forward_pre_hook(lambda _, inputs: heard.append(inputs[0]))
            model.get_audio_features(**processor.feature_extractor(clips, sampling_rate=48_000))
            hook.remove()
        return heard[0] - model.temporal_head.position_embeddings

    return positions


@pytest.mark.parametrize("seconds", [3, 4, 10, 15, 20, 60])
def test_the_head_hears_two_sounds_in_their_order_and_once(positions, seconds):
    forward, reversed_ = positions([two_tones(500, 8_000, seconds), two_tones(8_000, 500, seconds)])
    low, high = forward[0], forward[-1]
    assert (low - high).norm() > 20
    for number, position in enumerate(forward):
        own, other = (low, high) if number < 4 else (high, low)
        assert (position - own).norm() < (position - other).norm()
    assert (forward - reversed_.flip(0)).norm() < 0.5 * (forward - reversed_).norm()


def test_a_clip_embeds_alike_by_every_way(checkpoint, clips, features, expected):
    model, processor = checkpoint
    windows, num_frames = processor.feature_extractor.windows(clips, sampling_rate=48_000)
    counts = torch.tensor([len(clip) for clip in windows])
    assert counts.tolist() == [1, 2, 6, 1, 3]
    compiled = torch.compile(model.get_audio_features, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert_close(model.get_audio_features(**features).pooler_output, expected)
        assert_close(compiled(**features).pooler_output, expected)
        by_window = {"input_features": torch.cat(windows), "window_counts": counts, "num_frames": num_frames}
        assert_close(model.get_audio_features(**by_window).pooler_output, expected)
    assert_close(model.get_audio_features(**features).pooler_output.detach(), expected)
    assert_close(
        embed_features(model, compute_features(processor.feature_extractor, [clips[:2], clips[2:]])), expected
    )
    for batch_size in (1, 4, 100):
        assert_close(embed_waveforms(model, processor, clips, 48_000, batch_size), expected)


def test_durations_and_order_count(checkpoint, features, expected, clips):
    model, processor = checkpoint
    whole = {name: value for name, value in features.items() if name != "num_frames"}
    turned = processor.feature_extractor([clip[::-1].copy() for clip in clips], sampling_rate=48_000)
    with torch.no_grad():
        without = model.get_audio_features(**whole).pooler_output
        reversed_ = model.get_audio_features(**turned).pooler_output
    change = (without - expected).abs().amax(1)
    assert change[[0, 1, 4]].min() > 1e-3  # 3, 12 and 25 s
    assert change[[2, 3]].max() <= 1e-3  # 60 and 10 s fill their windows
    assert (reversed_ - expected).abs().amax(1).min() > 1e-3


def test_a_long_file_embeds_as_the_whole_clip(checkpoint, clips, expected, tmp_path):
    soundfile.write(tmp_path / "long.wav", clips[2], 48_000, subtype="FLOAT")
    sound = load_file(tmp_path / "long.wav")
    assert isinstance(sound, LongFile)
    found = embed_waveforms(*checkpoint, [clips[0], sound, clips[1]], 48_000, batch_size=4)
    assert_close(found, expected[[0, 2, 1]])


def test_a_new_head_changes_nothing_at_any_length(checkpoint, tiny_clap, features):
    model, base = copy.deepcopy(checkpoint[0]), tiny_clap[0]
    torch.nn.init.zeros_(model.temporal_head.output.weight)
    with torch.no_grad():
        found, expected = (one.get_audio_features(**features).pooler_output for one in (model, base))
    assert torch.equal(found, expected)


@torch.no_grad()
def test_in_inference_the_tower_takes_eight_windows_at_a_time(checkpoint, features, expected):
    model, seen = checkpoint[0], []
    hook = model.audio_model.register_forward_pre_hook(
        lambda _, __, kwargs: seen.append(len(kwargs["input_features"])), with_kwargs=True
    )
    outputs = model.get_audio_features(**features, output_hidden_states=True)
    with torch.enable_grad():
        whole = model.get_audio_features(**features, output_hidden_states=True)
    many = {name: value.repeat(3, *[1] * (value.ndim - 1)) for name, value in features.items()}
    assert_close(model.get_audio_features(**many).pooler_output, expected.repeat(3, 1))
    hook.remove()
    assert seen == [8, 5, 13, 15, 15, 9]
    assert outputs.keys() == whole.keys()
    assert_close(outputs.last_hidden_state, whole.last_hidden_state)
    for layer, whole_layer in zip(outputs.hidden_states, whole.hidden_states, strict=True):
        assert_close(layer, whole_layer)


def test_rows_of_single_clips_are_collated_and_predicted(checkpoint, clips, expected, tmp_path):
    model, processor = checkpoint
    extractor = processor.feature_extractor
    rows = [{name: value[0] for name, value in extractor(clip, sampling_rate=48_000).items()} for clip in clips]
    with torch.no_grad():
        assert_close(model.get_audio_features(**DataCollatorWithPadding(extractor)(rows)).pooler_output, expected)
    model.save_pretrained(tmp_path)
    tower = TeminalAudioModelWithProjection.from_pretrained(tmp_path)
    arguments = TrainingArguments(tmp_path, per_device_eval_batch_size=2, report_to=[], use_cpu=True)
    trainer = Trainer(tower, arguments, processing_class=extractor)  # drops columns that `forward` does not name
    assert_close(trainer.predict(rows, ignore_keys=["last_hidden_state"]).predictions, expected)


def test_the_processor_hands_durations_to_the_model(checkpoint, clips, expected):
    model, processor = checkpoint
    inputs = processor(text=["x"], audio=clips, sampling_rate=48_000, padding=True, return_tensors="pt")
    with torch.no_grad():
        assert_close(model(**inputs).audio_embeds, expected)


def test_stock_clap_takes_the_features_of_a_checkpoint_without_head(tiny_clap, clips, tmp_path):
    model, processor = tiny_clap
    model.save_pretrained(tmp_path)
    features = processor.feature_extractor([clips[0], clips[3]], sampling_rate=48_000)
    with torch.no_grad():
        found = ClapModel.from_pretrained(tmp_path).get_audio_features(**features).pooler_output
        assert_close(found, model.get_audio_features(**features).pooler_output)
