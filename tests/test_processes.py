import os

import pytest
import torch

from teminal.processes import STARTED, count_cores, join_processes, process_state


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_own_cores_are_those_that_a_scheduler_grants(monkeypatch):
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    granted = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(granted)})
        assert count_cores() == 1
    finally:
        os.sched_setaffinity(0, granted)


def test_own_cores_are_shared_with_the_processes_beside(monkeypatch):
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    alone = count_cores()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert count_cores() == max(1, alone // 2)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1000")
    assert count_cores() == 1


class Counted:
    def __init__(self, num_processes):
        self.num_processes = num_processes


@pytest.fixture
def launcher(monkeypatch):
    """Set what a launcher leaves in the environment, and nothing else of the kind."""
    for name in (*STARTED, "LOCAL_RANK", "MASTER_ADDR", "ACCELERATE_USE_CPU"):
        monkeypatch.delenv(name, raising=False)
    return lambda **variables: [monkeypatch.setenv(name, value) for name, value in variables.items()]


@pytest.mark.parametrize("name", STARTED)
def test_processes_that_accelerate_does_not_count_are_refused(launcher, name):
    launcher(**{name: "2"})
    with pytest.raises(ValueError, match=r"2 processes were started, and accelerate counts 1: .*--multi_gpu"):
        join_processes(lambda cpu: Counted(1))
    assert join_processes(lambda cpu: Counted(2)).num_processes == 2


@pytest.mark.parametrize("use_cpu", ["True", "False"])
def test_one_process_of_several_that_were_asked_for_is_refused(launcher, use_cpu):
    launcher(ACCELERATE_USE_CPU=use_cpu, MASTER_ADDR="10.0.0.1")  # as accelerate launch --cpu --num_machines 2
    for start in (lambda: join_processes(lambda cpu: Counted(1)), process_state):
        with pytest.raises(ValueError, match=r"asked for several processes .* add --multi_gpu"):
            start()
    launcher(WORLD_SIZE="1")
    assert process_state().num_processes == 1


@pytest.mark.parametrize(
    ("device", "variables", "on_cpu"),
    [
        (None, {}, True),
        ("cuda", {}, False),
        ("cuda", {"ACCELERATE_USE_CPU": "True"}, True),
        ("cuda", {"WORLD_SIZE": "2"}, False),
        ("mps", {}, False),
        ("mps", {"WORLD_SIZE": "2"}, True),
    ],
)
def test_processes_share_gpus_and_else_take_cpus(launcher, monkeypatch, device, variables, on_cpu):
    monkeypatch.setattr(
        torch.accelerator, "current_accelerator", lambda check_available: device and torch.device(device)
    )
    launcher(**variables)
    told = []
    join_processes(lambda cpu: told.append(cpu) or Counted(int(variables.get("WORLD_SIZE", 1))))
    assert told == [on_cpu]
