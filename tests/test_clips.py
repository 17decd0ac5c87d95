"""Clips are decoded, and banks of them made; faulty ones are skipped, counted and named."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile

from teminal.clips import Clip, build_bank, decode_clips, read_clip
from teminal.rendering import EVENT_SAMPLES, SAMPLING_RATE
from teminal.sources import load_clips
from teminal.sources.synthetic import synthesise


@pytest.fixture
def esc50_copy(esc50_dir, tmp_path):
    return shutil.copytree(esc50_dir, tmp_path / "copy")


def test_stereo_that_cancels_out_is_silent(tmp_path):
    tone = synthesise("siren", 0, 48_000)
    soundfile.write(tmp_path / "antiphase.wav", np.stack([tone, -tone], axis=1), 48_000, subtype="FLOAT")
    with pytest.raises(ValueError, match="silent audio"):
        read_clip(Clip("antiphase", "siren", 1, "antiphase", tmp_path / "antiphase.wav"))


def test_faulty_clips_are_skipped_named_and_counted(esc50_copy, caplog):
    names = [clip.name for clip in load_clips("esc50", [1, 2], esc50_dir=str(esc50_copy))]
    audio = esc50_copy / "audio"
    truncated, empty, silent, nan, missing = names[:5]
    content = (audio / truncated).read_bytes()
    (audio / truncated).write_bytes(content[: len(content) // 2])
    (audio / empty).write_bytes(b"")
    soundfile.write(audio / silent, np.zeros(240_000), 48_000)
    soundfile.write(audio / nan, np.full(240_000, np.nan), 48_000, subtype="FLOAT")
    (audio / missing).unlink()
    bank = build_bank(load_clips("esc50", [1, 2], esc50_dir=str(esc50_copy)))
    assert bank.skipped == {
        truncated: "truncated audio",
        empty: "unreadable audio",
        silent: "silent audio",
        nan: "samples that are not finite",
        missing: "missing file",
    }
    assert len(bank.clips) == len(names) - 5
    assert f"skipped {truncated}: truncated audio" in caplog.text
    assert "skipped 5 of 12 clips" in caplog.text


def test_a_bank_is_known_by_its_content_wherever_the_files_lie(esc50_dir, esc50_copy):
    here, there = (load_clips("esc50", [1], esc50_dir=str(folder)) for folder in (esc50_dir, esc50_copy))
    for clip in there:
        os.utime(clip.audio, (0, 0))
    assert build_bank(here).sha256 == build_bank(there).sha256
    assert build_bank(here[:-1]).sha256 != build_bank(here).sha256
    shutil.copy(there[0].audio, there[1].audio)
    assert build_bank(there).sha256 != build_bank(here).sha256


def test_truncated_ogg_is_skipped(esc50_copy):
    clip = next(c for c in load_clips("esc50", [1], esc50_dir=str(esc50_copy)) if c.name.endswith("ogg"))
    clip.audio.write_bytes(clip.audio.read_bytes()[:4000])
    with pytest.raises(ValueError, match=r"(truncated|unreadable|empty) audio"):
        read_clip(clip)


def test_a_bank_without_usable_clips_is_refused():
    clips = [Clip("a", "x", 1, "a", b"not audio"), Clip("b", "y", 1, "b", b"")]
    with pytest.raises(ValueError, match="0 of 2 clips are usable"):
        build_bank(clips)


def test_rows_of_faulty_clips_and_of_those_not_asked_for_stay_empty(esc50_copy, tmp_path):
    clips = load_clips("esc50", [1], esc50_dir=str(esc50_copy))
    clips[1].audio.write_bytes(b"")
    with ThreadPoolExecutor() as pool:
        assert decode_clips(clips, [0, 1, 3], tmp_path / "loops", pool) == {1: "unreadable audio"}
        assert decode_clips(clips, range(6), tmp_path / "both", pool, n_raw=100) == {1: "unreadable audio"}
    loops = np.fromfile(tmp_path / "loops", np.float16).reshape(len(clips), EVENT_SAMPLES)
    assert [bool(loop.any()) for loop in loops] == [True, False, False, True, False, False]
    both = np.fromfile(tmp_path / "both", np.float16).reshape(len(clips), 100 + EVENT_SAMPLES)
    assert np.array_equal(both[[0, 3], 100:], loops[[0, 3]])
    assert np.array_equal(both[3, :100], read_clip(clips[3])[:100].astype(np.float16))


def test_a_clip_that_is_silent_where_it_is_kept_is_skipped(tmp_path):
    samples = np.zeros(7 * SAMPLING_RATE)
    samples[-SAMPLING_RATE:] = 0.1
    soundfile.write(tmp_path / "late.wav", samples, SAMPLING_RATE)
    clips = [Clip("late", "x", 1, "late", tmp_path / "late.wav"), *load_clips("synthetic", [1])[::24][:2]]
    bank = build_bank(clips)
    assert bank.skipped == {"late": "silent in its first 5 s"}
    assert np.array_equal(bank.loops, build_bank(clips[1:]).loops)
