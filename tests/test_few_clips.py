"""Few scenes of the synthetic source need few of its clips, and sound the same; other systems than Linux."""

import ctypes
import sys
from unittest import mock

import pytest

from teminal import processes as memory
from teminal.clips import build_bank
from teminal.dataset import shards
from teminal.evaluation import sounds
from teminal.evaluation.bank_audio import BankAudio
from teminal.evaluation.score import distinct_audios
from teminal.evaluation.zste_questions import build_examples
from teminal.sampling.zste import drawn_clips
from teminal.sources import load_clips


def test_few_scenes_decode_few_clips_and_sound_the_same(bank):
    few = build_bank(bank.clips, lambda clips: drawn_clips(clips, 2, 0))
    assert few.raw.keys() == few.loops.keys() == drawn_clips(bank, 2, 0)
    assert len(few.raw) <= 2 * 4 < len(bank.clips)
    examples = build_examples(few, 2, 0)
    assert examples == build_examples(bank, 2, 0)
    specs = distinct_audios(examples)
    assert BankAudio(few).keys(specs) == BankAudio(bank).keys(specs)
    for one, other in zip(BankAudio(few).read(specs), BankAudio(bank).read(specs), strict=True):
        assert (one == other).all()


def test_many_scenes_take_the_file(bank):
    whole = build_bank(bank.clips, lambda clips: drawn_clips(clips, 30, 0))
    assert (len(whole.raw), whole.sha256) == (len(bank.clips), bank.sha256)


def test_files_may_be_faulty_and_are_decoded_before_any_are_drawn(esc50_dir):
    clips = load_clips("esc50", esc50_dir=str(esc50_dir))
    assert len(build_bank(clips, lambda _: pytest.fail("drawn too early")).raw) == len(clips)


def test_generated_clips_are_not_checked(monkeypatch):
    monkeypatch.setattr(sounds, "read_clip", lambda _: pytest.fail("decoded"))
    clips = load_clips("synthetic")
    assert sounds.check_sounds(clips).clips == clips


def test_windows_has_no_mallopt_and_waits_for_61_workers(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("no such library"))
    memory.keep_freed_memory()
    asked = []
    monkeypatch.setattr(shards, "ProcessPoolExecutor", lambda num_proc, *_: asked.append(num_proc) or mock.Mock())
    for num_proc in (96, 2):
        with shards.worker_processes(num_proc):
            pass
    assert asked == [61, 2]
