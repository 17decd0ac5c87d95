"""Render the audio of recipes from the user's own files."""

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from teminal.audio import find_audio_by_name, normalize_name
from teminal.clips import Clip, hash_clips
from teminal.dataset.card import check_card
from teminal.dataset.config_folder import write_config
from teminal.dataset.options import RenderOptions
from teminal.dataset.report import command_line, read_report, shard_hashes
from teminal.dataset.rows import RENDER, group_from_rows
from teminal.dataset.shards import GroupRows, Plan
from teminal.files import file_sha256
from teminal.scenes import VARIANTS
from teminal.sources.audiocaps import find_video_audio
from teminal.tables import find_file

Rows = dict[str, list[dict[str, Any]]]  # split -> rows


def render_dataset(options: RenderOptions) -> None:
    """Build a config with audio from one of recipes; groups that lack a clip are left out.

    Raises:
        ValueError, OSError: the recipes are incomplete, or no group has all its clips.
    """
    report, rows = read_recipes(options.recipe_dir)
    clips = list_clips(rows, options.audio_dir)
    check_card(options.output_dir)
    about = {name: report[name] for name in ("config", "source", "attribution", "citation", "unseen_pairs")}
    about |= {"license": "other", "command": command_line("render_dataset.py", options), "rendered": True}
    write_config(
        options.output_dir / report["config"],
        recipe={"rendered_from": report["recipe"], "clips": hash_clips(clips)},
        about={**about, "captioned": report.get("captioned", False)},
        clips=clips,
        plan_groups=lambda skipped: plan_recipes(rows, clips, skipped),
        includes_audio=True,
        num_proc=options.num_proc,
    )


def read_recipes(folder: Path) -> tuple[dict[str, Any], Rows]:
    """Read the report and the rows of each split of a config of recipes.

    Raises:
        ValueError, OSError: the folder does not hold all of it, or an earlier version built it.
    """
    report = read_report(folder)
    if report["includes_audio"]:
        raise ValueError(f"--recipe_dir {folder}: it has its audio already")
    rows: Rows = {}
    for name, sha256 in shard_hashes(report).items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            raise ValueError(f"{path}: missing or damaged; get it again")
        table = pq.read_table(path)
        if {field.name for field in table.schema.field("render").type} != set(RENDER):
            raise ValueError(f"{path}: recipes of another version; build them again")
        rows.setdefault(name.partition("-")[0], []).extend(table.to_pylist())
    return report, rows


def list_clips(rows: Rows, audio_dir: Path) -> list[Clip]:
    """List all clips that the rows use, with the user's audio if it is found."""
    audio = find_audio_by_name(audio_dir)
    clips = {}
    for row in (row for split in rows.values() for row in split if row["variant"] == 1):
        for name, start_s in zip(row["render"]["clips"], row["render"]["start_s"], strict=True):
            clips[name] = Clip(name, "", None, name, _find_audio(name, start_s, audio_dir, audio))
    if not any(clip.audio for clip in clips.values()):
        raise ValueError(f"--audio_dir {audio_dir}: none of its files is named as a clip, such as {next(iter(clips))}")
    return list(clips.values())


def _find_audio(name: str, start_s: int, audio_dir: Path, audio: dict[str, Path]) -> Path | None:
    """Find the file of a clip: at its path in the folder, or if its name has no folder, anywhere by its name."""
    file = find_file(audio_dir, name)
    if file.is_file() or "/" in name:
        return file if file.is_file() else None
    found = audio.get(normalize_name(name)) or audio.get(normalize_name(file.stem))
    return found or find_video_audio(audio, name, start_s)


def plan_recipes(rows: dict[str, list[dict]], clips: list[Clip], skipped: dict[int, str]) -> Plan:
    """Plan to render the groups of recipes whose clips are all usable."""
    clip_index = {clip.name: i for i, clip in enumerate(clips) if i not in skipped}
    plan: Plan = {}
    for split, recipes in rows.items():
        groups = [recipes[start : start + len(VARIANTS)] for start in range(0, len(recipes), len(VARIANTS))]
        whole = [group for group in groups if all(name in clip_index for name in group[0]["render"]["clips"])]
        if whole:
            plan[split] = len(whole), partial(_take, whole, clip_index)
    if not plan:
        raise ValueError("no composition has all its clips in --audio_dir")
    return plan


def _take(groups: list[list[dict]], clip_index: dict[str, int], number: int) -> GroupRows:
    return group_from_rows(groups[number], clip_index), groups[number]
