"""Test that signals are stored, and which end a run at once."""

import os
import signal
import time

import numpy as np
import pytest
from accelerate import Accelerator

from teminal import clips as bank
from teminal.sources import load_clips
from teminal.training.interrupts import Interrupts


def test_a_second_sigterm_is_one_sigterm():
    with Interrupts(Accelerator(cpu=True)) as interrupts:
        assert interrupts.received == 0
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.received == signal.SIGTERM


@pytest.fixture
def python_handles_sigint():
    """Restore the handling of SIGINT, which a background shell ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("python_handles_sigint")
def test_a_second_sigint_ends_at_once():
    with Interrupts(Accelerator(cpu=True)) as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_work_that_leaves_nothing_to_save_is_cut_short_by_a_signal():
    with Interrupts(Accelerator(cpu=True)) as interrupts:
        assert interrupts.run_on_main_process(lambda: {"zste": 1.0}) == {"zste": 1.0}

        def work():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(100)

        started = time.monotonic()
        assert interrupts.run_on_main_process(work) is None
        assert time.monotonic() - started < 50
        assert interrupts.received == signal.SIGTERM
        assert interrupts.run_on_main_process(lambda: {"zste": 1.0}) is None, "the run stops: nothing new is begun"
        os.kill(os.getpid(), signal.SIGTERM)  # has no effect outside such work


@pytest.mark.usefixtures("python_handles_sigint")
def test_ctrl_c_while_clips_are_decoded_does_not_wait_for_the_rest(tmp_path, monkeypatch):
    clips, begun = load_clips("synthetic", [1]), []

    def read(clip):
        begun.append(clip)
        if len(begun) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        return np.ones(48_000, np.float32)

    monkeypatch.setattr(bank, "read_clip", read)
    with pytest.raises(KeyboardInterrupt):
        bank._decode_bank(clips, tmp_path / "bank.f16")
    assert len(begun) < len(clips) / 4
    assert list(tmp_path.iterdir()) == []
