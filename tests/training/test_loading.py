"""Test batches from worker processes with little shared memory, and workers that hang or die."""

import multiprocessing
import pickle
import signal
import time

import pytest
import torch
from torch.utils.data import DataLoader

from teminal.sampling.training import TrainingSampler
from teminal.training import loading
from teminal.training.batches import BatchComposer
from teminal.training.loading import BatchLoader
from teminal.training.stages import StageConfig

SETTINGS = StageConfig(max_train_steps=4, per_device_train_batch_size=2)


@pytest.fixture
def composer(bank, tiny_clap):
    return BatchComposer(TrainingSampler(bank), tiny_clap[1].feature_extractor, "B", SETTINGS, seed=3)


def take(loader, interrupted=lambda: 0):
    """Return all batches."""
    batches = []
    try:
        while True:
            batches.append(loader.next(interrupted))
    except StopIteration:
        return batches
    finally:
        loader.close()


class Stuck(BatchComposer):
    """Composer whose workers hang."""

    def __getitem__(self, step):
        time.sleep(1000)


@pytest.fixture
def stuck(composer, monkeypatch):
    monkeypatch.setattr(loading, "POLL_S", 0.1)
    monkeypatch.setattr(loading, "MAX_POLLS", 4)
    monkeypatch.setattr(loading, "POLLS_AFTER_SIGNAL", 2)
    composer.__class__ = Stuck
    return composer


@pytest.fixture
def start_processes():
    """Choose how processes start; `None`: the default."""
    before = multiprocessing.get_start_method(allow_none=True)
    yield lambda method: multiprocessing.set_start_method(method, force=True)
    multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize(("num_workers", "method"), [(0, None), (2, None), (1, "spawn")])
def test_workers_give_the_batches_of_the_composer_from_any_step(composer, start_processes, num_workers, method):
    start_processes(method)
    before = torch.get_rng_state()
    loaded = take(BatchLoader(composer, 2, num_workers))
    assert torch.equal(torch.get_rng_state(), before)
    assert [batch.texts for batch in loaded] == [composer[step].texts for step in (2, 3)]
    assert torch.equal(loaded[1].features.windows, composer[3].features.windows)


def test_what_spawned_workers_get_is_small_and_the_same(composer):
    sent = pickle.dumps(composer)
    assert len(sent) < composer.sampler.bank.raw.nbytes / 10
    received = pickle.loads(sent)
    assert received.sampler.bank.sha256 == composer.sampler.bank.sha256
    assert torch.equal(received[1].features.windows, composer[1].features.windows)


@pytest.mark.parametrize("room", [0, 64e6])
def test_a_batch_that_has_no_room_comes_through_a_pipe(composer, monkeypatch, caplog, room):
    monkeypatch.setattr(loading, "get_free_shared_memory", lambda: room)
    caplog.set_level("INFO")
    loaded = take(BatchLoader(composer, 2, num_workers=1))
    assert torch.equal(loaded[1].features.windows, composer[3].features.windows)
    assert ("has no room for batches of" in caplog.text) == (room == 0)


def test_the_room_is_what_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "SHARED_MEMORY", str(tmp_path))
    assert 0 < loading.get_free_shared_memory() < float("inf")
    monkeypatch.setattr(loading, "SHARED_MEMORY", str(tmp_path / "not on this system"))
    assert loading.get_free_shared_memory() == float("inf")


def test_without_workers_where_none_can_be_started(composer, monkeypatch, caplog):
    def refuse(loader):
        raise PermissionError(13, "Permission denied", "/dev/shm")

    monkeypatch.setattr(DataLoader, "__iter__", refuse)
    assert len(take(BatchLoader(composer, 2, num_workers=1))) == 2
    assert "no worker processes can be started" in caplog.text


def test_workers_that_hang_end_the_run_and_are_ended(stuck):
    started = time.monotonic()
    loader = BatchLoader(stuck, 0, num_workers=1)
    with pytest.raises(OSError, match=r"no batch for .* hang; .*--dataloader_num_workers 0"):
        loader.next()
    loader.close()
    assert not any(worker.is_alive() for worker in loader.workers)
    assert time.monotonic() - started < 20


def test_a_signal_is_noticed_while_a_batch_is_awaited(stuck):
    loader = BatchLoader(stuck, 0, num_workers=1)
    assert loader.next(lambda: signal.SIGTERM) is None
    loader.close()
    assert not any(worker.is_alive() for worker in loader.workers)


def test_a_worker_that_died_is_named_as_the_reason(stuck, monkeypatch):
    monkeypatch.setattr(loading, "MAX_POLLS", 100)
    loader = BatchLoader(stuck, 0, num_workers=1)
    with pytest.raises(RuntimeError) as error:  # noqa: PT012 - it may be raised anywhere
        loader.workers[0].kill()
        loader.next()
    with pytest.raises(OSError, match=r"a process that composes batches has died .*--dataloader_num_workers"):
        loader.require_workers(error.value)
    loader.close()
