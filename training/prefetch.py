"""Compose the next batch while the model works on this one."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch


def prefetch(make: Callable, n_steps: int) -> Iterator[tuple[object, float]]:
    """Yield (`make(step)`, seconds waited for it) for each step, one batch ahead on a thread."""
    with ThreadPoolExecutor(max_workers=1, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        pending = pool.submit(make, 0)
        for step in range(n_steps):
            started = time.perf_counter()
            batch = pending.result()
            waited_s = time.perf_counter() - started
            if step + 1 < n_steps:
                pending = pool.submit(make, step + 1)
            yield batch, waited_s
