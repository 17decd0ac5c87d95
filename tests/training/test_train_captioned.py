"""Test training on human captions, and the AudioCaps recipe from start to end."""

import csv
import json

import numpy as np
import pytest
import soundfile
import torch

from teminal.clips import build_bank
from teminal.rendering import EVENT_SAMPLES, SCENE_SAMPLES, render
from teminal.sampling.layouts import SceneMix
from teminal.sampling.training import TrainingSampler
from teminal.sources import load_clips
from teminal.sources.synthetic import SYNTHETIC_CLASSES, synthesise
from teminal.training.batches import BatchComposer, Truth, on_device
from teminal.training.scratch import build_scratch_clap
from teminal.training.stages import StageConfig

from ..conftest import TINY_SCRATCH, run_here
from ..stock import save_stock_clap

CAPTIONS = [
    "A dog barks",
    "The dog is barking",
    "Rain followed by a bell",
    "A bell followed by rain",
    "An engine idles, then a horn honks",
    "Thunder rumbles",
    "A cat meows and a baby cries",
    "Waves crash",
]
CUDA = torch.device("cuda")
SOUNDS = sorted(SYNTHETIC_CLASSES)[: len(CAPTIONS)]


@pytest.fixture(scope="module")
def audiocaps(tmp_path_factory):
    """Write tables and 10 s of synthetic audio; one training clip is missing, another damaged."""
    tables, audio = tmp_path_factory.mktemp("tables"), tmp_path_factory.mktemp("audio")
    with open(tables / "train.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["audiocap_id", "youtube_id", "start_time", "caption"])
        for i, caption in enumerate([*CAPTIONS, "Nothing", "A man sings"]):
            writer.writerow([i, f"{i:011d}", 30, caption])
    for i in range(len(CAPTIONS)):
        halves = [synthesise(SOUNDS[(i + shift) % len(SOUNDS)], i, 32_000) for shift in (0, 3)]
        soundfile.write(audio / f"{i:011d}.flac", np.concatenate(halves), 32_000)
    (audio / f"{len(CAPTIONS):011d}.wav").write_bytes(b"RIFF")
    return {"captions_dir": tables, "audio_dir": audio}


@pytest.fixture(scope="module")
def captioned_bank(audiocaps):
    clips = load_clips("audiocaps", **{name: str(folder) for name, folder in audiocaps.items()})
    return build_bank([clip for clip in clips if clip.audio])


@pytest.fixture(scope="module")
def composer(captioned_bank, tiny_clap):
    settings = StageConfig(per_device_train_batch_size=4, replay_batch_size=16)
    return BatchComposer(TrainingSampler(captioned_bank), tiny_clap[1].feature_extractor, "joint", settings, seed=0)


def test_recorded_clips_are_whole_and_as_they_are(captioned_bank, composer):
    assert captioned_bank.raw.shape == (len(CAPTIONS), SCENE_SAMPLES)
    assert captioned_bank.loops.shape == (len(CAPTIONS), EVENT_SAMPLES)
    assert not np.array_equal(captioned_bank.raw[0, :EVENT_SAMPLES], captioned_bank.raw[0, EVENT_SAMPLES:])
    replay = composer.sampler.draw_replay(np.random.default_rng(0))
    twice = list(render([replay.composition] * 2, captioned_bank.loops, captioned_bank.raw))
    assert len(twice) == 2
    for waveform in twice:
        assert np.array_equal(waveform, captioned_bank.raw[replay.composition.clips[0]].astype(np.float32))


def test_replayed_clips_are_told_from_all_that_is_false_of_them_alone(composer):
    sampler, rng = composer.sampler, np.random.default_rng(0)
    replays = [sampler.draw_replay(rng) for _ in range(200)]
    swapped = {replay.text: replay.swapped[1] for replay in replays if replay.swapped}
    assert swapped == {
        "Rain followed by a bell.": "A bell followed by rain.",
        "A bell followed by rain.": "Rain followed by a bell.",
        "An engine idles, then a horn honks.": "A horn honks, then an engine idles.",
    }
    candidates = composer._choose_candidates(replays)
    dogs = {"A dog barks.", "The dog is barking."}
    assert len(dogs & set(candidates.values())) == 1
    assert len(candidates) == len(CAPTIONS) - 1 + 1
    for replay in replays:
        same = candidates[replay.key]
        assert same == replay.text or {same, replay.text} == dogs

    batch = composer[0]
    assert len(batch.replay_targets) == 16
    assert len(set(batch.candidates)) == len(batch.candidates)


def test_features_made_later_are_those_of_the_workers(composer):
    expected = composer[0]
    later = BatchComposer(composer.sampler, composer.extractor, "joint", composer.settings, 0, device=CUDA)[0]
    assert later.features is None
    batch = on_device(later, composer.extractor, torch.device("cpu"))
    assert batch.features.windows.shape == expected.features.windows.shape
    assert (batch.features.windows - expected.features.windows).abs().max() <= 1e-3


def test_a_caption_is_true_of_every_clip_that_shares_it(composer):
    mix = SceneMix()
    pairs = [
        pair for i in range(60) for pair in composer.sampler.draw_pairs("joint", np.random.default_rng(i), i, mix)
    ]
    assert {pair.caption.relation for pair in pairs} == {"single", "and", "before", "after", "while"}
    holds = Truth(pairs).holds()
    assert holds.diagonal().all()
    dog = composer.sampler.keys[0]
    for i, pair in enumerate(pairs):
        for j, other in enumerate(pairs):
            if other.caption.relation == "single" and other.caption.labels == (dog,):
                assert bool(holds[i, j]) == bool({0, 1} & set(clips_heard(pair)))


def clips_heard(pair):
    return pair.composition.clips[:1] if pair.composition.variant == "single" else pair.composition.clips


def test_captions_feed_the_tokenizer_of_a_clap_from_scratch(captioned_bank):
    model, processor = build_scratch_clap(captioned_bank, temporal_head=False, **TINY_SCRATCH)
    long = f"{' and '.join(CAPTIONS)}, before {' and '.join(CAPTIONS)}"
    tokens = processor.tokenizer([long], truncation=True, return_tensors="pt")
    assert processor.tokenizer.decode(tokens["input_ids"][0], skip_special_tokens=True) == long
    assert torch.isfinite(model.get_text_features(**tokens).pooler_output).all()


def train(audiocaps, esc50_dir, folder, *flags):
    folders = [item for name, path in audiocaps.items() for item in (f"--{name}", path)]
    folders += ["--esc50_dir", esc50_dir] if esc50_dir else []
    small = ["--eval_folds", 2, "--n_scenes", 12, "--max_train_steps", 2, "--per_device_train_batch_size", 3]
    small += ["--replay_batch_size", 12, "--output_dir", folder, "--mixed_precision", "no"]
    return run_here("train_accelerate.py", "--config", "configs/audiocaps.yaml", *folders, *small, *flags)


def test_the_recipe_trains_on_captions_and_tests_on_classes(audiocaps, esc50_dir, tiny_clap, tmp_path):
    base = save_stock_clap(tiny_clap, tmp_path / "clap")
    result = train(audiocaps, esc50_dir, tmp_path / "run", "--model_name_or_path", base)
    assert result.returncode == 0, result.stderr
    assert "9 of 10 training clips have audio" in result.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["n_train_clips"], results["n_eval_clips"]) == (len(CAPTIONS), 6)
    assert list(results["skipped"]) == [f"{len(CAPTIONS):011d}"]
    assert list(results["zste"]) == ["base", "after A", "after B"]
    assert {"tnce", "in_group", "replay"} <= set(results["stages"]["B"])
    card = (tmp_path / "run" / "README.md").read_text()
    assert "\nlicense: mit\n" in card
    assert "audiocaps, 8 captioned clips" in card
    assert "A dog barks before the dog is barking." not in card
    assert "ZSTE on esc50" in card


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--text_warmup_steps", 2), "--A.text_warmup_steps 2: needs classes"),
        (("--event_weight", 1), "--A.event_weight 1.0: needs classes"),
        (("--B.naming_weight", 1), "--B.naming_weight 1.0: needs classes"),
        (("--paraphrase_share", 0.2), "--paraphrase_share 0.2: is of captions of classes"),
        (("--eval_source", "audiocaps", "--train_folds", 1), "--eval_source audiocaps: ZSTE needs classes"),
    ],
)
def test_what_needs_classes_is_refused(audiocaps, esc50_dir, tmp_path, flags, message):
    esc50_dir = None if "--eval_source" in flags else esc50_dir
    result = train(audiocaps, esc50_dir, tmp_path / "run", *flags)
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if line.startswith("train_accelerate.py: error:")]
    assert message in result.stderr
    assert "Traceback" not in result.stderr
