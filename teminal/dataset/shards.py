"""Write Parquet shards in parallel processes; a shard is a pure function of its groups and their clips.

Clips are decoded once into a file of event loops, which the workers read from: memory does not grow with the data.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, as_completed, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from teminal.dataset.plan import Plan
from teminal.dataset.rows import encode_flac, row_features
from teminal.files import write_whole
from teminal.processes import keep_freed_memory
from teminal.rendering import EVENT_SAMPLES, render
from teminal.sampling.groups import Group
from teminal.scenes import VARIANTS
from teminal.splits import SPLITS

GROUPS_PER_ROW_GROUP = 8
LOOP_BYTES = EVENT_SAMPLES * 2
GROUPS_PER_SHARD = {True: 64, False: 8192}  # with audio, about 130 MB; recipes are text alone
Groups = list[tuple[Group, list[dict]]]  # each with its rows, without audio


@dataclass(frozen=True)
class Shard:
    """A file, and which groups of a split it holds."""

    path: Path
    split: str
    groups: range

    @property
    def n_rows(self) -> int:
        """The number of its rows."""
        return len(VARIANTS) * len(self.groups)

    def is_whole(self) -> bool:
        """Return whether the file is there, with all of its rows."""
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


@contextmanager
def worker_processes(num_proc: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes with one thread each, that end when this process does, however it ends.

    Raises:
        OSError: one of them was killed, for lack of memory.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    n_allowed = min(num_proc, 61) if sys.platform == "win32" else num_proc  # as many as Windows can wait for
    pool = ProcessPoolExecutor(n_allowed, multiprocessing.get_context("spawn"), _start_worker)
    try:
        yield pool
    except (BrokenProcessPool, MemoryError) as error:
        raise OSError(f"too little memory for {num_proc} workers: give a smaller --num_proc") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what Ctrl-C means is for the parent to say
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def write_shards(
    shards: list[Shard], plan: Plan, loops_file: Path | None, pool: Executor, n_ahead: int, bar: tqdm
) -> None:
    """Draw and write shards, with audio where there is a file of loops.

    Args:
        plan: draws the groups of a split.
        loops_file: event loops of all clips, or `None` to write recipes.
        n_ahead: shards that are drawn ahead and wait in memory.
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


def _write_shard(shard: Shard, groups: Groups, loops_file: Path | None) -> int:
    """Write one shard, whole or not at all, and return how many rows it has."""
    schema = row_features(includes_audio=loops_file is not None).arrow_schema
    text = [name for name in schema.names if name != "audio"]
    codecs = dict.fromkeys(text, "snappy")  # FLAC gets no smaller

    def write(file: Path) -> None:
        with pq.ParquetWriter(file, schema, use_dictionary=text, compression=codecs, write_page_index=True) as writer:
            for start in range(0, len(groups), GROUPS_PER_ROW_GROUP):
                rows = []
                for group, variants in groups[start : start + GROUPS_PER_ROW_GROUP]:
                    audio = _render(group, loops_file) if loops_file else [{}] * len(variants)
                    rows += [sound | row for sound, row in zip(audio, variants, strict=True)]
                writer.write_table(pa.Table.from_pylist(rows, schema))

    write_whole(shard.path, write)
    return shard.n_rows


def _render(group: Group, loops_file: Path) -> list[dict]:
    """The column `audio` of each variant."""
    loops = np.memmap(loops_file, np.float16, "r").reshape(-1, EVENT_SAMPLES)
    waveforms = render(group.compositions(), loops, raw={})
    return [
        {"audio": {"bytes": encode_flac(waveform), "path": f"{group.group_id}-{variant}.flac"}}
        for variant, waveform in zip(VARIANTS, waveforms, strict=True)
    ]
