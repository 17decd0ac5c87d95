"""Write Parquet shards in parallel processes; the bytes of a shard depend only on its groups and clips.

Clips are decoded once to a file of event loops, which workers map, so that memory use does not grow with the data.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from teminal.dataset.rows import encode_flac, row_features
from teminal.files import write_whole
from teminal.processes import keep_freed_memory
from teminal.rendering import EVENT_SAMPLES, render
from teminal.sampling.groups import Group
from teminal.scenes import VARIANTS
from teminal.splits import SPLITS

GROUPS_PER_ROW_GROUP, SECONDS_PER_ROW_GROUP = 8, 320.0  # at most; eight groups of four scenes of ten seconds
LOOP_BYTES = EVENT_SAMPLES * 2
GROUPS_PER_SHARD = {True: 64, False: 8192}  # with audio about 130 MB, of ZSTE task 6 230 MB; recipes are small
GroupRows = tuple[Group, list[dict]]  # a group and its rows without audio
Plan = dict[str, tuple[int, Callable[[int], GroupRows]]]  # split -> number of groups, and how to make each


@dataclass(frozen=True)
class Shard:
    """A file, and the range of groups of a split that it holds."""

    path: Path
    split: str
    groups: range

    @property
    def n_rows(self) -> int:
        """How many rows it holds."""
        return len(VARIANTS) * len(self.groups)

    def is_whole(self) -> bool:
        """Tell whether the file exists with all its rows."""
        try:
            return pq.read_metadata(self.path).num_rows == self.n_rows
        except (FileNotFoundError, pa.ArrowInvalid):
            return False


def list_shards(folder: Path, plan: Plan, includes_audio: bool) -> list[Shard]:
    """List all shards of a config."""
    size, shards = GROUPS_PER_SHARD[includes_audio], []
    for split in (split for split in SPLITS if split in plan):
        n_groups = plan[split][0]
        starts = range(0, n_groups, size)
        for number, start in enumerate(starts):
            path = folder / f"{split}-{number:05d}-of-{len(starts):05d}.parquet"
            shards.append(Shard(path, split, range(start, min(start + size, n_groups))))
    return shards


def groups_of(plan: Plan, split: str, step: int = 1) -> Iterator[Group]:
    """Draw the groups of a split, or every `step`-th of them."""
    n_groups, draw = plan[split]
    for number in range(0, n_groups, step):
        yield draw(number)[0]


@contextmanager
def worker_processes(num_proc: int) -> Iterator[ProcessPoolExecutor]:
    """Start worker processes with one thread each, which end with this process even if it is killed.

    Raises:
        OSError: a worker was killed for lack of memory.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    n_allowed = min(num_proc, 61) if sys.platform == "win32" else num_proc  # the most that Windows can wait for
    pool = ProcessPoolExecutor(n_allowed, multiprocessing.get_context("spawn"), _start_worker)
    try:
        yield pool
    except (BrokenProcessPool, MemoryError) as error:
        raise OSError(f"too little memory for {num_proc} workers: give a smaller --num_proc") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def write_shards(
    shards: list[Shard], plan: Plan, loops_file: Path | None, pool: Executor, n_ahead: int, bar: tqdm
) -> None:
    """Draw the groups of shards and write them, with audio if there is a file of loops.

    Args:
        loops_file: event loops of all clips, or `None` to write recipes.
        n_ahead: shards that are drawn ahead and kept in memory.
        bar: counts rows.
    """
    pending: set[Future] = set()
    for shard in shards:
        if len(pending) > n_ahead:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                bar.update(future.result())
        draw = plan[shard.split][1]
        groups = [draw(number) for number in shard.groups]
        pending.add(pool.submit(_write_shard, shard, groups, loops_file))
    for future in as_completed(pending):
        bar.update(future.result())


def split_row_groups(groups: list[GroupRows]) -> Iterator[list[GroupRows]]:
    """Divide groups into row groups: as many as fit, at least one, so that a worker's memory is bounded."""
    some: list[GroupRows] = []
    seconds = 0.0
    for group in groups:
        of_group = len(VARIANTS) * group[0].composition.layout.duration_s
        if some and (len(some) == GROUPS_PER_ROW_GROUP or seconds + of_group > SECONDS_PER_ROW_GROUP):
            yield some
            some, seconds = [], 0.0
        some.append(group)
        seconds += of_group
    if some:
        yield some


def _write_shard(shard: Shard, groups: list[GroupRows], loops_file: Path | None) -> int:
    """Write one shard atomically, and return its number of rows."""
    schema = row_features(includes_audio=loops_file is not None).arrow_schema
    text = [name for name in schema.names if name != "audio"]
    codecs = dict.fromkeys(text, "snappy")  # FLAC is already compressed

    def write(file: Path) -> None:
        with pq.ParquetWriter(file, schema, use_dictionary=text, compression=codecs, write_page_index=True) as writer:
            for some in split_row_groups(groups):
                rows = []
                for group, variants in some:
                    audio = _render(group, loops_file) if loops_file else [{}] * len(variants)
                    rows += [sound | row for sound, row in zip(audio, variants, strict=True)]
                writer.write_table(pa.Table.from_pylist(rows, schema))

    write_whole(shard.path, write)
    return shard.n_rows


def _render(group: Group, loops_file: Path) -> list[dict]:
    """Render the column `audio` of each variant."""
    loops = np.memmap(loops_file, np.float16, "r").reshape(-1, EVENT_SAMPLES)
    waveforms = render(group.compositions(), loops, raw={})
    return [
        {"audio": {"bytes": encode_flac(waveform), "path": f"{group.group_id}-{variant}.flac"}}
        for variant, waveform in zip(VARIANTS, waveforms, strict=True)
    ]
