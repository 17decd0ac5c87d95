"""Write Parquet shards in parallel processes; a shard is a pure function of its groups and their clips.

Clips are decoded once into a file of event loops, which the workers read from: memory does not grow with the data.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, ProcessPoolExecutor, wait
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from teminal.dataset.rows import encode_flac, row_features
from teminal.files import file_sha256, write_whole
from teminal.processes import keep_freed_memory
from teminal.rendering import EVENT_SAMPLES, render
from teminal.sampling.groups import Group
from teminal.scenes import VARIANTS

GROUPS_PER_ROW_GROUP = 8
GROUPS_PER_SHARD = {True: 64, False: 8192}  # with audio, about 130 MB; recipes are text alone
LOOP_BYTES = EVENT_SAMPLES * 2


def start_pool(num_proc: int) -> ProcessPoolExecutor:
    """Worker processes with one thread each, that end when this process does, however it ends."""
    os.environ["OMP_NUM_THREADS"] = "1"
    num_proc = min(num_proc, 61) if sys.platform == "win32" else num_proc  # as many as Windows can wait for
    return ProcessPoolExecutor(num_proc, multiprocessing.get_context("spawn"), _start_worker)


def _start_worker():
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what Ctrl-C means is for the parent to say
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def write_shards(
    shards: Iterable[tuple[Path, list[tuple[Group, list[dict]]]]],
    loops_file: Path | None,
    pool: ProcessPoolExecutor,
    n_pending: int,
    bar: tqdm,
) -> None:
    """Write shards, with audio where there is a file of loops.

    Args:
        shards: (file, each group with its rows), drawn as they are needed.
        loops_file: of [`decode_clips`], or `None` for recipes.
        n_pending: shards that are drawn ahead and wait in memory.
        bar: counts rows.
    """
    pending = set()
    for path, groups in shards:
        pending.add(pool.submit(_write_shard, path, groups, loops_file))
        if len(pending) > n_pending:
            pending = _drain(pending, bar, FIRST_COMPLETED)
    _drain(pending, bar, ALL_COMPLETED)


def _drain(pending: set, bar: tqdm, until: str) -> set:
    done, pending = wait(pending, return_when=until)
    for future in done:
        bar.update(future.result())
    return pending


def hash_file(shard: Path) -> Path:
    """Where the hash of a shard is noted until the build is finished."""
    return shard.with_name(f".{shard.name}.sha256")


def remove_damaged(folder: Path, pool: ProcessPoolExecutor) -> None:
    """Delete the shards of an unfinished build that are not as they were written."""
    shards = sorted(folder.glob("*.parquet"))
    for shard, sha256 in zip(shards, pool.map(file_sha256, shards), strict=True):
        noted = hash_file(shard)
        if not noted.is_file() or noted.read_text() != sha256:
            shard.unlink()


def _write_shard(path: Path, groups: list[tuple[Group, list[dict]]], loops_file: Path | None) -> int:
    schema = row_features(includes_audio=loops_file is not None).arrow_schema

    def write(file):
        text = [name for name in schema.names if name != "audio"]
        codecs = dict.fromkeys(text, "snappy")  # FLAC gets no smaller
        with pq.ParquetWriter(file, schema, use_dictionary=text, compression=codecs, write_page_index=True) as writer:
            for start in range(0, len(groups), GROUPS_PER_ROW_GROUP):
                rows = []
                for group, variants in groups[start : start + GROUPS_PER_ROW_GROUP]:
                    audio = _render(group, loops_file) if loops_file else [{}] * len(variants)
                    rows += [sound | row for sound, row in zip(audio, variants, strict=True)]
                writer.write_table(pa.Table.from_pylist(rows, schema))
        write_whole(hash_file(path), lambda beside: beside.write_text(file_sha256(file)))

    write_whole(path, write)
    return len(VARIANTS) * len(groups)


def _render(group: Group, loops_file: Path) -> list[dict]:
    """The column `audio` of each variant."""
    loops = np.memmap(loops_file, np.float16, "r").reshape(-1, EVENT_SAMPLES)
    waveforms = render(group.compositions(), loops, raw={})
    return [
        {"audio": {"bytes": encode_flac(waveform), "path": f"{group.group_id}-{variant}.flac"}}
        for variant, waveform in zip(VARIANTS, waveforms, strict=True)
    ]
