"""Signals are remembered; which of them ends at once when it comes again."""

import os
import signal

import pytest
from accelerate import Accelerator

from training.interrupts import Interrupts


def test_a_second_sigterm_is_one_sigterm():
    with Interrupts(Accelerator(cpu=True)) as interrupts:
        assert interrupts.received == 0
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.received == signal.SIGTERM


def test_a_second_sigint_ends_at_once():
    with Interrupts(Accelerator(cpu=True)) as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
