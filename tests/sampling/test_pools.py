"""Test which clips may lie under a scene."""

import numpy as np

from teminal.clips import Clip
from teminal.sampling.pools import CaptionedPool, Events


def make_clip(name, *captions):
    return Clip(name, "", None, name, None, captions=captions, split="train")


def test_no_caption_of_a_captioned_background_names_an_event():
    clips = [
        make_clip("dog", "A dog barks."),
        make_clip("both", "Water pours.", "A dog barks and then water pours."),
        make_clip("rain", "Rain falls."),
    ]
    pool = CaptionedPool(clips, range(3), "train")
    drawn = {pool.draw_background(np.random.default_rng(seed), Events((0,), ("A dog barks.",))) for seed in range(20)}
    assert drawn == {2}
    assert pool.draw_background(np.random.default_rng(0), Events((0, 2), ("A dog barks.", "Rain falls."))) is None


def test_a_background_is_no_clip_that_shares_another_caption_with_an_event():
    clips = [
        make_clip("talk", "A man talks.", "Music plays."),
        make_clip("guitar", "Music plays.", "A guitar is strummed."),
        make_clip("rain", "Rain falls."),
    ]
    pool = CaptionedPool(clips, range(3), "train")
    drawn = {pool.draw_background(np.random.default_rng(seed), Events((0,), ("A man talks.",))) for seed in range(20)}
    assert drawn == {2}
