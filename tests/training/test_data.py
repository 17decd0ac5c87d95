"""Test which clips a training uses, from folders, folds and splits."""

from functools import partial

import pytest

from teminal.training.config import TrainingConfig
from teminal.training.data import find_clips

from ..own_sounds import CLASSES

make_config = partial(TrainingConfig, model_name_or_path="clap")
PUSH = {"push_to_hub": True, "hub_model_id": "me/clap"}


def test_training_takes_folds_or_splits(sounds, split_sounds):
    clips = find_clips(make_config(source="folder", audio_dir=str(sounds)))
    assert (len(clips.train), len(clips.validation), len(clips.test)) == (12, 0, 3)
    clips = find_clips(make_config(source="folder", audio_dir=str(split_sounds)))
    assert (len(clips.train), len(clips.validation), len(clips.test)) == (9, 0, 6)
    clips = find_clips(make_config(source="folder", audio_dir=str(split_sounds), eval_steps=5))
    assert {clip.split for clip in clips.validation} == {"validation"}


def test_each_source_gets_its_own_options(sounds, esc50_dir):
    chosen = make_config(source="folder", audio_dir=str(sounds), keep_source="esc50", esc50_dir=str(esc50_dir))
    clips = find_clips(chosen)
    assert len(clips.kept) == 12
    assert {clip.label for clip in clips.train} == set(CLASSES)
    chosen = make_config(esc50_dir=str(esc50_dir), train_folds=[1], eval_source="folder", audio_dir=str(sounds))
    assert {clip.label for clip in find_clips(chosen).test} == set(CLASSES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (PUSH, "--push_to_hub: nothing says under which licence"),
        ({"keep_source": "folder"}, "--keep_source folder: that is trained on"),
        ({"keep_source": "urbansound8k"}, "--keep_source urbansound8k would take --audio_dir, which --source folder"),
        ({"keep_source": "esc50"}, "--keep_source esc50 needs --esc50_dir"),
        ({"keep_source": "birds"}, "--keep_source birds: choose of"),
        ({"eval_source": "birds"}, "--eval_source birds: choose of"),
        ({"eval_source": "esc50"}, "--eval_source esc50 needs --esc50_dir"),
        ({"esc50_dir": "ESC-50"}, "--source folder takes .* not --esc50_dir"),
        ({"wise_ft": [0.5, 1.0]}, "--wise_ft with several shares, need --validation_folds"),
        ({"eval_steps": 5}, "--eval_steps, and --wise_ft with several shares, need --validation_folds"),
        (
            {"source": "synthetic", "audio_dir": None, "license": "mit"},
            "--source synthetic takes no folder, not --lic",
        ),
        ({"splits": True, "train_folds": [1]}, "--train_folds: clips of folder have splits and no folds"),
        ({"splits": True, "validation_folds": [7]}, "--validation_folds: clips of folder"),
    ],
)
def test_sources_and_folds_that_do_not_go_together_are_refused(sounds, split_sounds, options, message):
    root = split_sounds if options.pop("splits", False) else sounds
    with pytest.raises((ValueError, OSError), match=message):
        find_clips(make_config(**{"source": "folder", "audio_dir": str(root)} | options))


def test_a_licence_or_a_private_repository_is_enough_to_publish(sounds):
    for options in ({"license": "cc-by-4.0"}, {"hub_private_repo": True}):
        find_clips(make_config(source="folder", audio_dir=str(sounds), **PUSH, **options))


def test_every_run_decodes_the_kept_source_into_one_file(sounds, esc50_dir, monkeypatch):
    configs = [
        make_config(source="folder", audio_dir=str(sounds), keep_source="esc50", esc50_dir=str(esc50_dir), **drawn)
        for drawn in ({"n_scenes": 3}, {"n_scenes": 4, "seed": 1})
    ]
    banks = [find_clips(chosen).decode(chosen)[3] for chosen in configs]
    assert banks[0].raw.filename == banks[1].raw.filename
    monkeypatch.setattr("teminal.clips.read_clip", lambda clip: pytest.fail("decoded again"))
    assert len(find_clips(configs[0]).decode(configs[0])[3].clips) == 12
