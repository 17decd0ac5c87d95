"""Compositions that a visitor orders, and the library that is searched."""

import itertools

import numpy as np
import pytest
import soundfile


def level(waveform):
    return float(np.sqrt(np.mean(waveform**2)))


def test_sounds_lie_where_they_are_ordered(app_module):
    waveform = app_module("sounds").compose(["bell", "siren", "drum"], 2.0, 1.0, None, 10)
    assert len(waveform) == round(48_000 * (0.2 + 3 * 2 + 2 * 1 + 0.2))
    for start_s in (0.2, 3.2, 6.2):
        assert level(waveform[round(48_000 * (start_s + 0.1)) : round(48_000 * (start_s + 1.9))]) > 0.02
    for start_s in (0, 2.3, 5.3):
        assert level(waveform[round(48_000 * start_s) : round(48_000 * (start_s + 0.15))]) < 1e-4
    over = app_module("sounds").compose(["bell", "siren"], 2.0, 1.0, "wind", 10)
    assert level(over[round(48_000 * 2.3) : round(48_000 * 3.1)]) > 1e-3


@pytest.mark.parametrize(
    ("labels", "background", "message"),
    [
        (["bell"], None, "two or three different sounds"),
        (["bell", "bell"], None, "two or three different sounds"),
        (["bell", "siren"], "bell", "another sound than bell"),
    ],
)
def test_what_cannot_be_composed_is_said(app_module, labels, background, message):
    with pytest.raises(ValueError, match=message):
        app_module("sounds").compose(labels, 2.0, 1.0, background, 10)


def test_every_order_is_in_one_recording_of_the_library(app_module, tmp_path):
    sounds = app_module("sounds")
    sounds.make_library(tmp_path)
    pairs = []
    for file in sorted(tmp_path.iterdir()):
        labels = file.stem.split(" ", 1)[1].split(", ")
        pairs += itertools.pairwise(labels)
        assert 2 * len(labels) <= soundfile.info(file).duration <= 4.3 * len(labels)
    assert sorted(pairs) == sorted(itertools.permutations(sounds.LABELS, 2))
