import os

import pytest

from dataset_scripts.ranks import own_cores

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")


def test_own_cores_are_those_that_a_scheduler_grants(monkeypatch):
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    granted = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(granted)})
        assert own_cores() == 1
    finally:
        os.sched_setaffinity(0, granted)


def test_own_cores_are_shared_with_the_processes_beside(monkeypatch):
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    alone = own_cores()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert own_cores() == max(1, alone // 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1000")
    assert own_cores() == 1
