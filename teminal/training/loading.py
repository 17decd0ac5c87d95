"""Load batches from worker processes, with a limit to shared memory and to waiting."""

import logging
import math
import multiprocessing
import os
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator

import torch
from torch.utils.data import DataLoader, Dataset

from teminal.training.batches import Batch, BatchComposer

SHARED_MEMORY = "/dev/shm"
PREFETCH = 2  # batches that each worker is ahead
POLL_S = 1
MAX_POLLS = 900  # counted, not timed: a suspended machine has not waited
POLLS_AFTER_SIGNAL = 10
TIMED_OUT = "DataLoader timed out"  # in the RuntimeError of a DataLoader after `POLL_S`
logger = logging.getLogger("teminal")


def get_free_shared_memory() -> float:
    """Return the free bytes of shared memory; infinite where the system has no limit."""
    try:
        return shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return math.inf


class WorkerDataset(Dataset):
    """Batches as workers send them: in shared memory or, while that is full, pickled through a pipe.

    PyTorch would lose a batch that does not fit into shared memory, and wait for it forever.
    """

    def __init__(self, composer: BatchComposer, num_workers: int):
        self.composer = composer
        self.n_queued = PREFETCH * num_workers * int(os.environ.get("LOCAL_WORLD_SIZE", 1))

    def __getitem__(self, step: int) -> Batch | bytes:
        batch = self.composer[step]
        return batch if get_free_shared_memory() >= self.n_queued * batch.nbytes else pickle.dumps(batch)


class BatchLoader:
    """Iterator over a stage's batches from `first_step` on, composed by `num_workers` processes, or 0 in this one."""

    def __init__(self, composer: BatchComposer, first_step: int, num_workers: int):
        steps, before = range(first_step, len(composer)), multiprocessing.active_children()
        self.sent_by_pipe, self.stalled = False, False
        self.workers: list[multiprocessing.process.BaseProcess] = []
        self.batches: Iterator[Batch | bytes] = (composer[step] for step in steps)
        if not num_workers:
            return
        loader = DataLoader(
            WorkerDataset(composer, num_workers),
            batch_size=None,
            sampler=steps,
            num_workers=num_workers,
            prefetch_factor=PREFETCH,
            pin_memory=not composer.renders,
            timeout=POLL_S,
            worker_init_fn=_ignore_interrupts,
            generator=torch.Generator(),  # else the workers' seed changes the state that a checkpoint restores
        )
        try:
            self.batches = iter(loader)
        except OSError as error:  # such as a /dev/shm that cannot be written
            logger.warning("no worker processes can be started (%s): batches are composed without", error)
        self.workers = [child for child in multiprocessing.active_children() if child not in before]

    def next(self, interrupted: Callable[[], int] = lambda: 0) -> Batch | None:
        """Return the next batch; `None` if it does not come within ten seconds of a signal.

        Raises:
            TimeoutError: no worker has sent a batch for 15 minutes.
        """
        polls = 0
        while not self.stalled:
            try:
                return self._unpack(next(self.batches))
            except RuntimeError as error:
                if TIMED_OUT not in str(error):
                    raise
            polls += 1
            self.stalled = polls >= (POLLS_AFTER_SIGNAL if interrupted() else MAX_POLLS)
        if interrupted():
            return None
        raise TimeoutError(
            f"no batch for {MAX_POLLS * POLL_S} s: the processes that compose them hang; is the disk of the decoded "
            "clips (HF_ASSETS_CACHE) there? --dataloader_num_workers 0 does without them"
        )

    def require_workers(self, error: BaseException) -> None:
        """Raise ChildProcessError if a dead worker is the cause of `error`."""
        if isinstance(error, RuntimeError) and any(not worker.is_alive() for worker in self.workers):
            raise ChildProcessError(
                f"a process that composes batches has died ({error}); if memory is short, fewer of them may help: "
                "--dataloader_num_workers"
            ) from error

    def close(self) -> None:
        """End the workers, which ignore signals; otherwise this process would wait for them at exit."""
        if self.stalled:  # else they end with their iterator
            self._kill()
        self.batches = iter(())
        self._kill()

    def _unpack(self, batch: Batch | bytes) -> Batch:
        if isinstance(batch, Batch):
            return batch
        if not self.sent_by_pipe:
            hint = "they come through pipes, which takes a little longer (docker run --shm-size 2g gives more)"
            logger.info("%s has no room for batches of %.0f MB: %s", SHARED_MEMORY, len(batch) / 1e6, hint)
        self.sent_by_pipe = True
        return pickle.loads(batch)

    def _kill(self) -> None:
        for worker in self.workers:
            try:
                worker.kill()
                worker.join(POLL_S)
            except RuntimeError:  # raised by PyTorch when a child is killed
                continue


def _ignore_interrupts(worker: int) -> None:
    """Ignore signals in a worker: the training process handles them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
