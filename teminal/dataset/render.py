"""Compose the audio of recipes from the user's own files."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from teminal.audio import audio_by_name, plain_name
from teminal.clips import Clip, digest
from teminal.dataset.card import check_card
from teminal.dataset.config_folder import write_config
from teminal.dataset.options import RenderOptions
from teminal.dataset.plan import plan_recipes
from teminal.dataset.report import command_line, read_report, shard_hashes
from teminal.files import file_sha256
from teminal.sources.audiocaps import find_video_audio
from teminal.tables import find_file

Rows = dict[str, list[dict[str, Any]]]  # split -> rows


def render_dataset(options: RenderOptions) -> None:
    """Build a config with audio from one of recipes; compositions that lack a clip are left out.

    Raises:
        ValueError, OSError: the recipes are not whole, or no composition has its audio.
    """
    report, rows = read_recipes(options.recipe_dir)
    clips = list_clips(rows, options.audio_dir)
    check_card(options.output_dir)
    about = {name: report[name] for name in ("config", "source", "attribution", "citation", "unseen_pairs")}
    about |= {"license": "other", "command": command_line("render_dataset.py", options), "rendered": True}
    write_config(
        options.output_dir / report["config"],
        recipe={"rendered_from": report["recipe"], "clips": digest(clips)},
        about={**about, "captioned": report.get("captioned", False)},
        clips=clips,
        plan_groups=lambda skipped: plan_recipes(rows, clips, skipped),
        includes_audio=True,
        num_proc=options.num_proc,
    )


def read_recipes(folder: Path) -> tuple[dict[str, Any], Rows]:
    """Read the report of a recipe build, and the rows of each split.

    Raises:
        ValueError, OSError: the folder holds no whole recipe build.
    """
    report = read_report(folder)
    if report["includes_audio"]:
        raise ValueError(f"--recipe_dir {folder}: it has its audio already")
    rows: Rows = {}
    for name, sha256 in shard_hashes(report).items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != sha256:
            raise ValueError(f"{path}: missing or damaged; get it again")
        rows.setdefault(name.partition("-")[0], []).extend(pq.read_table(path).to_pylist())
    return report, rows


def list_clips(rows: Rows, audio_dir: Path) -> list[Clip]:
    """List all clips that rows are made of, with the user's audio where it is there."""
    audio = audio_by_name(audio_dir)
    clips = {}
    for row in (row for split in rows.values() for row in split if row["variant"] == 1):
        for name, start_s in zip(row["render"]["clips"], row["render"]["start_s"], strict=True):
            clips[name] = Clip(name, "", None, name, _find_audio(name, start_s, audio_dir, audio))
    if not any(clip.audio for clip in clips.values()):
        raise ValueError(f"--audio_dir {audio_dir}: none of its files is named as a clip, such as {next(iter(clips))}")
    return list(clips.values())


def _find_audio(name: str, start_s: int, audio_dir: Path, audio: dict[str, Path]) -> Path | None:
    """Find the file of a clip: at its place in the folder, or if its name tells no place, of that name anywhere."""
    file = find_file(audio_dir, name)
    if file.is_file() or "/" in name:
        return file if file.is_file() else None
    return audio.get(plain_name(name)) or audio.get(plain_name(file.stem)) or find_video_audio(audio, name, start_s)
