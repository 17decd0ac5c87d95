"""Write one config to a folder: decode clips, write shards, report and card. A killed build can be continued."""

import json
import shutil
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from teminal.clips import Clip, decode_clips
from teminal.dataset.card import plot_first_group, write_card
from teminal.dataset.report import (
    PICTURE,
    REPORT,
    log_report,
    read_report,
    report_split,
    shard_hashes,
    skipped_by_reason,
    versions,
)
from teminal.dataset.shards import LOOP_BYTES, Plan, Shard, groups_of, list_shards, worker_processes, write_shards
from teminal.files import file_sha256, lock_folder, read_json, write_json, write_whole
from teminal.processes import count_cores, process_state

ROW_BYTES, AUDIO_BYTES_PER_S = 1_000, 60_000  # estimates
SAMPLED_GROUPS = 50  # of each split, for an estimate
LOOPS, SKIPPED = ".loops", ".skipped.json"  # files of an unfinished build

Planner = Callable[[dict[int, str]], Plan]  # takes index of each faulty clip -> reason


def write_config(
    folder: Path,
    recipe: dict[str, Any],
    about: dict[str, Any],
    clips: list[Clip],
    plan_groups: Planner,
    includes_audio: bool,
    num_proc: int | None = None,
) -> dict[str, Any] | None:
    """Write the shards, report and card of a config, or those that are missing; processes share the shards.

    Args:
        folder: of the config, on a disk that all processes share.
        recipe: everything that the content depends on; a folder with another recipe is refused.
        about: further entries of the report.
        clips: what compositions index.
        includes_audio: whether rows have audio, or a recipe to render it.
        num_proc: worker processes of this process; `None` for its share of the cores.

    Returns:
        The report, on the main process only.

    Raises:
        ValueError, OSError: the folder holds another build, the disk is too small, or there is nothing to draw.
    """
    state, started = process_state(), time.perf_counter()
    num_proc = num_proc or count_cores()
    with lock_folder(folder, "build") if state.is_main_process else nullcontext():
        if state.is_main_process:
            _check_folder(folder, recipe)
        state.wait_for_everyone()
        if not (folder / REPORT).is_file():
            with worker_processes(num_proc) as pool:
                found = _write_missing(folder, clips, plan_groups, includes_audio, pool, 2 * num_proc, state)
            if state.is_main_process:
                report = {**about, "includes_audio": includes_audio, "recipe": recipe, **found, "versions": versions()}
                report["wall_time_s"] = round(time.perf_counter() - started, 1)
                (folder / LOOPS).unlink(missing_ok=True)
                write_json(folder / REPORT, report)
                (folder / SKIPPED).unlink()
        if not state.is_main_process:
            return None
        report = read_report(folder)
        log_report(report, folder)
        write_card(folder.parent)
        return report


def _check_folder(folder: Path, recipe: dict[str, Any]) -> None:
    """Refuse a folder with other content; delete damaged shards of a finished build, to be written again."""
    file, has_shards = folder / "recipe.json", any(folder.glob("*.parquet"))
    before = read_json(file)
    if has_shards and not file.is_file():
        raise ValueError(f"{folder} holds Parquet files of something else: choose another --output_dir")
    if has_shards and before is None:
        raise ValueError(f"{file} is damaged: delete {folder} and build again, or choose another --output_dir")
    if has_shards and before and before != recipe:
        names = sorted(recipe.keys() | before.keys())
        changed = ", ".join(name for name in names if recipe.get(name) != before.get(name))
        raise ValueError(f"{folder} was built with another {changed}: delete it or choose another --output_dir")
    if before != recipe:
        (folder / SKIPPED).unlink(missing_ok=True)
        write_json(file, recipe)
    if (folder / REPORT).is_file():
        hashes = shard_hashes(read_json(folder / REPORT) or {})
        whole = [name for name in hashes if (folder / name).is_file() and file_sha256(folder / name) == hashes[name]]
        for name in hashes.keys() - whole:
            (folder / name).unlink(missing_ok=True)
        if len(whole) < max(1, len(hashes)):
            (folder / REPORT).unlink()


def _write_missing(
    folder: Path,
    clips: list[Clip],
    plan_groups: Planner,
    includes_audio: bool,
    pool: Executor,
    n_ahead: int,
    state: Any,
) -> dict[str, Any]:
    """Decode clips and write the missing shards; return entries of the report on the main process."""
    loops_file = folder / LOOPS if includes_audio else None
    if state.is_main_process and not _is_decoded(folder, includes_audio):
        _decode(folder, clips, plan_groups, loops_file, pool)
    state.wait_for_everyone()
    skipped = {int(index): reason for index, reason in json.loads((folder / SKIPPED).read_text())["skipped"].items()}
    plan = plan_groups(skipped)
    shards = list_shards(folder, plan, includes_audio)
    missing = [shard for shard in shards if not shard.is_whole()]
    if state.is_main_process:
        _require_disk(folder, estimate_bytes(plan, missing, includes_audio))
    state.wait_for_everyone()  # all processes list the missing shards before one is written
    own = missing[state.process_index :: state.num_processes]
    n_rows = sum(shard.n_rows for shard in own)
    with tqdm(desc="compose", unit="row", total=n_rows, disable=not state.is_main_process) as bar:
        write_shards(own, plan, loops_file, pool, n_ahead, bar)
    state.wait_for_everyone()
    if not state.is_main_process:
        return {}
    if includes_audio:
        write_whole(folder / PICTURE, partial(plot_first_group, shards[0].path))
    paths = {split: [shard.path for shard in shards if shard.split == split] for split in plan}
    return {
        "n_clips": len(clips) - len(skipped),
        "skipped": skipped_by_reason({clips[index].name: reason for index, reason in skipped.items()}),
        "splits": {split: report_split(paths[split], groups_of(plan, split), pool) for split in plan},
    }


def _is_decoded(folder: Path, includes_audio: bool) -> bool:
    known = read_json(folder / SKIPPED)
    return known is not None and "skipped" in known and ((folder / LOOPS).is_file() or not includes_audio)


def _decode(folder: Path, clips: list[Clip], plan_groups: Planner, loops_file: Path | None, pool: Executor) -> None:
    """Write the event loops of clips, and the list of faulty clips."""
    skipped = {index: "missing file" for index, clip in enumerate(clips) if clip.audio is None}
    if loops_file:
        which = _clips_to_decode(clips, plan_groups)
        _require_disk(folder, len(which) * LOOP_BYTES)
        write_whole(loops_file, lambda file: skipped.update(decode_clips(clips, which, file, pool)))
    elif len(skipped) == len(clips):  # recipes can be written without any audio
        skipped = {}
    write_json(folder / SKIPPED, {"skipped": skipped})


def _clips_to_decode(clips: list[Clip], plan_groups: Planner) -> list[int]:
    """List the clips to decode: all, because faulty ones must be known before groups are drawn.

    Generated clips are never faulty: if few groups are drawn from them, only those that occur are listed.
    """
    plan = plan_groups({}) if all(clip.is_generated for clip in clips) else {}
    n_groups = sum(n for n, _ in plan.values())
    if not plan or 2 * n_groups > len(clips):
        return list(range(len(clips)))
    return sorted({clip for split in plan for group in groups_of(plan, split) for clip in group.composition.all_clips})


def estimate_bytes(plan: Plan, shards: list[Shard], includes_audio: bool) -> int:
    """Estimate the size of shards, by the durations of some of their groups."""
    n_bytes = 0.0
    for split in {shard.split for shard in shards}:
        n_rows, n_groups = sum(shard.n_rows for shard in shards if shard.split == split), plan[split][0]
        sample = groups_of(plan, split, step=-(-n_groups // SAMPLED_GROUPS))
        mean_s = statistics.mean(group.composition.layout.duration_s for group in sample)
        n_bytes += n_rows * (ROW_BYTES + AUDIO_BYTES_PER_S * mean_s * includes_audio)
    return round(n_bytes)


def _require_disk(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(f"{folder}: about {n_bytes / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free")
