from collections import Counter

import numpy as np
import pytest
import torch

from dataset_scripts.compose import EVENT_SAMPLES
from dataset_scripts.scenes import split_pairs
from eval import score
from eval.zste_scenes import build_examples, render

N_SCENES = 30


@pytest.fixture(scope="module")
def examples(bank):
    return build_examples(bank, N_SCENES, seed=0)


def test_each_subtask_asks_the_right_question_of_the_right_audio(bank, examples):
    singles = tuple(f"This is a sound of {label}." for label in bank.classes)
    kinds = {"1A": "clip", "1B": "onset", "2A": "overlay", "2B": "overlay"}
    assert Counter(example.task for example in examples) == dict.fromkeys(
        ["1A", "1B", "2A", "2B", "2C", "2D", "3A", "3B", "3C", "3D"], N_SCENES
    )
    for example in examples:
        labels = [bank.labels[clip] for clip in example.audio.clips]
        if example.task != "3C":
            assert example.audio.kind == kinds.get(example.task, "forward")
        if example.task[0] in "12":
            assert example.candidates == singles
            assert {bank.classes[i] for i in example.right} == set(labels)
            continue
        x, y = labels
        before, reverse = f"This is a sound of {x} before {y}.", f"This is a sound of {y} before {x}."
        after, wrong_after = f"This is a sound of {y} after {x}.", f"This is a sound of {x} after {y}."
        both = f"This is a sound of {x} while {y}."
        candidates = {
            "3A": {before, reverse},
            "3B": {after, wrong_after},
            "3C": {before, reverse, both},
            "3D": {before, reverse, after, wrong_after},
        }
        true = {"forward": {before, after}, "reversed": {reverse, wrong_after}, "overlay": {both}}
        assert set(example.candidates) == candidates[example.task]
        right = {example.candidates[i] for i in example.right}
        assert right == true[example.audio.kind] & candidates[example.task]


def test_three_variants_are_asked_for_evenly_and_pairs_are_split(bank, examples):
    asked = [example for example in examples if example.task == "3C"]
    assert Counter(example.audio.kind for example in asked) == dict.fromkeys(["forward", "reversed", "overlay"], 10)
    seen, unseen = split_pairs(bank.classes)
    for example in asked:
        pair = tuple(sorted(bank.labels[clip] for clip in example.audio.clips))
        assert pair in {"seen": seen, "unseen": unseen}[example.group]
    assert {example.group for example in asked} == {"seen", "unseen"}


def test_an_onset_lies_in_silence(bank, examples):
    spec = next(example.audio for example in examples if example.task == "1B")
    audio = render(bank, spec)
    start = int(spec.onset_s / 5 * EVENT_SAMPLES)
    assert len(audio) == 2 * EVENT_SAMPLES
    assert np.array_equal(audio[start : start + EVENT_SAMPLES], bank.raw[spec.clips[0]])
    assert not audio[:start].any()
    assert not audio[start + EVENT_SAMPLES :].any()


def test_an_oracle_is_right_but_not_with_permuted_audios(tiny_clap, examples, monkeypatch):
    audios = list(dict.fromkeys(example.audio for example in examples))
    captions = list(dict.fromkeys(caption for example in examples for caption in example.candidates))
    truth = 1e-3 * torch.rand(len(audios), len(captions), generator=torch.Generator().manual_seed(0))
    for example in examples:
        for i in example.right:
            truth[audios.index(example.audio), captions.index(example.candidates[i])] = 1
    monkeypatch.setattr(score, "embed_audio", lambda *_: truth)
    monkeypatch.setattr(score, "embed_text", lambda *_: torch.eye(len(captions)))
    result = score.score_examples(*tiny_clap, examples, features=None)
    assert all(result[task] == 1 for task in ("task1", "task2", "task3"))
    assert all(result[f"control_{task}"] < 0.8 for task in ("3A", "3B", "3C"))
