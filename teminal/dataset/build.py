"""Build one config in a folder: decode, compose, write shards, report. Killed, the same build goes on."""

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path

from tqdm import tqdm

from teminal.clips import Clip, decode_clips
from teminal.dataset.card import write_card
from teminal.dataset.claim import claimed
from teminal.dataset.plan import Plan
from teminal.dataset.report import REPORT, skipped_by_reason, split_report, summarise, versions, write_report
from teminal.dataset.shards import (
    GROUPS_PER_SHARD,
    LOOP_BYTES,
    hash_file,
    remove_damaged,
    start_pool,
    write_shards,
)
from teminal.files import file_sha256, read_json, to_disk, write_json
from teminal.processes import own_cores, process_state
from teminal.scenes import VARIANTS
from teminal.splits import SPLITS

ROW_BYTES = {True: 600_000, False: 1_000}  # about, with and without audio


def build_config(
    folder: Path,
    recipe: dict,
    about: dict,
    clips: list[Clip],
    plan_groups: Callable[[dict[int, str]], Plan],
    includes_audio: bool,
    num_proc: int | None = None,
) -> dict | None:
    """Write the shards, report and card of a config; of several processes each writes its own shards.

    Args:
        folder: of the config, on a disk that all processes share.
        recipe: everything that decides what is built; a folder with another one is refused.
        about: what else the report says.
        clips: what the events of groups index.
        plan_groups: index -> reason of the clips that cannot be used -> [`Plan`].
        includes_audio: else recipes are written.
        num_proc: worker processes of this process; `None` for its share of the cores.

    Returns:
        The report, on the main process alone.

    Raises:
        ValueError, OSError: another build is in the folder, the disk is too small, or there is nothing to compose.
    """
    state = process_state()
    with claimed(folder, recipe) if state.is_main_process else nullcontext():
        state.wait_for_everyone()
        if not (folder / REPORT).is_file():
            _build(folder, recipe, about, clips, plan_groups, includes_audio, num_proc, state)
        if not state.is_main_process:
            return None
        report = json.loads((folder / REPORT).read_text())
        summarise(report, folder)
        write_card(folder.parent)
        return report


def _build(folder, recipe, about, clips, plan_groups, includes_audio, num_proc, state):
    started = time.perf_counter()
    loops_file, skipped_file = folder / ".loops", folder / ".skipped.json"
    num_proc = num_proc or own_cores()
    with start_pool(num_proc) as pool:
        try:
            if state.is_main_process:
                remove_damaged(folder, pool)
                if not _is_decoded(skipped_file, loops_file if includes_audio else None):
                    _decode(clips, plan_groups, skipped_file, loops_file if includes_audio else None, pool)
            state.wait_for_everyone()
            known = json.loads(skipped_file.read_text())["skipped"]
            skipped = {int(index): reason for index, reason in known.items()}
            plan = plan_groups(skipped)
            shards = _shards(folder, plan, GROUPS_PER_SHARD[includes_audio])
            todo = [shard for shard in shards if not shard[0].exists()]
            n_rows = len(VARIANTS) * sum(len(which) for _, _, which in todo)
            if state.is_main_process:
                _require_disk(folder, n_rows * ROW_BYTES[includes_audio])
            state.wait_for_everyone()  # all have the same list before the first shard is written
            mine = todo[state.process_index :: state.num_processes]
            n_rows = len(VARIANTS) * sum(len(which) for _, _, which in mine)
            with tqdm(desc="compose", unit="row", total=n_rows, disable=not state.is_main_process) as bar:
                drawn = ((path, [plan[split][1](number) for number in which]) for path, split, which in mine)
                write_shards(drawn, loops_file if includes_audio else None, pool, 2 * num_proc, bar)
            state.wait_for_everyone()
            if state.is_main_process:
                splits = {split: [path for path, of, _ in shards if of == split] for split in plan}
                report = {
                    **about,
                    "includes_audio": includes_audio,
                    "recipe": recipe,
                    "n_clips": len(clips) - len(skipped),
                    "skipped": skipped_by_reason({clips[index].name: reason for index, reason in skipped.items()}),
                    "splits": {split: split_report(paths, pool) for split, paths in splits.items()},
                    "versions": versions(),
                    "wall_time_s": round(time.perf_counter() - started, 1),
                }
                loops_file.unlink(missing_ok=True)
                write_report(folder, report)
                skipped_file.unlink()
                for path, _, _ in shards:
                    hash_file(path).unlink(missing_ok=True)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, BrokenProcessPool | MemoryError):
                raise OSError(f"too little memory for {num_proc} workers: give a smaller --num_proc") from error
            raise


def _is_decoded(skipped_file: Path, loops_file: Path | None) -> bool:
    """Whether [`_decode`] has left whole files."""
    known = read_json(skipped_file)
    if known is None or not isinstance(known.get("skipped"), dict):
        return False
    return not loops_file or (loops_file.is_file() and file_sha256(loops_file) == known.get("loops_sha256"))


def _decode(clips: list[Clip], plan_groups, skipped_file: Path, loops_file: Path | None, pool) -> None:
    """Write which clips cannot be used, and the loops of the others."""
    if loops_file:
        which = _clips_to_decode(clips, plan_groups)
        _require_disk(loops_file.parent, len(which) * LOOP_BYTES)
        skipped = decode_clips(clips, which, loops_file, pool)
        to_disk(loops_file)
    else:  # recipes of clips that only others have are fine, unless some are at hand
        skipped = {index: "missing file" for index, clip in enumerate(clips) if clip.audio is None}
        skipped = skipped if len(skipped) < len(clips) else {}
    known = {"skipped": skipped, "loops_sha256": loops_file and file_sha256(loops_file)}
    write_json(skipped_file, known)


def _clips_to_decode(clips: list[Clip], plan_groups: Callable[[dict[int, str]], Plan]) -> list[int]:
    """All, for faulty ones are left out before any are drawn; of generated ones, never faulty, those of few groups."""
    plan = plan_groups({}) if all(clip.is_generated for clip in clips) else None
    if plan is None or 2 * sum(n_groups for n_groups, _ in plan.values()) > len(clips):
        return list(range(len(clips)))
    drawn = set()
    for n_groups, draw in plan.values():
        for index in range(n_groups):
            group, _ = draw(index)
            drawn.update(group.composition.clips)
    return sorted(drawn)


def _shards(folder: Path, plan: Plan, size: int) -> list[tuple[Path, str, range]]:
    """(file, split, which groups) of all shards."""
    shards = []
    for split in SPLITS:
        if split in plan:
            n_groups = plan[split][0]
            starts = range(0, n_groups, size)
            for number, start in enumerate(starts):
                path = folder / f"{split}-{number:05d}-of-{len(starts):05d}.parquet"
                shards.append((path, split, range(start, min(start + size, n_groups))))
    return shards


def _require_disk(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OSError(f"{folder}: about {n_bytes / 1e9:.1f} GB are needed and {free / 1e9:.1f} GB free")
