"""Make recipes whole: compose their audio from your own files. Killed, the same command goes on.

python dataset_scripts/render_dataset.py --recipe_dir datasets/audiocaps --audio_dir AUDIO --output_dir rendered
"""

import argparse
import logging
from pathlib import Path

from teminal.endings import errors_in_one_line, interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("render_dataset.py", "the same command goes on from here")

import pyarrow.parquet as pq

from teminal.audio import audio_by_name, plain_name
from teminal.clips import Clip, digest
from teminal.dataset.report import REPORT, command_line, read_report
from teminal.files import file_sha256
from teminal.sources.audiocaps import find_video_audio
from teminal.splits import SPLITS
from teminal.tables import find_file


def read_recipes(folder: Path) -> tuple[dict, dict[str, list[dict]]]:
    """The report of a recipe build, and the rows of each split.

    Raises:
        ValueError, OSError: the folder holds no whole recipe build.
    """
    if not (folder / REPORT).is_file():
        raise FileNotFoundError(f"--recipe_dir {folder}: no {REPORT} in it; point at a config that was built whole")
    report = read_report(folder)
    if report["includes_audio"]:
        raise ValueError(f"--recipe_dir {folder}: it has its audio already")
    rows = {}
    for split, content in report["splits"].items():
        rows[split] = []
        for shard in content["shards"]:
            path = folder / shard["file"]
            if not path.is_file() or file_sha256(path) != shard["sha256"]:
                raise ValueError(f"{path}: missing or damaged; get it again")
            rows[split] += pq.read_table(path).to_pylist()
    return report, rows


def clips_of(rows: dict[str, list[dict]], audio_dir: Path) -> list[Clip]:
    """All clips that the rows are made of, with the user's audio where it is there."""
    audio = audio_by_name(audio_dir)
    clips = {}
    for row in (row for split in SPLITS for row in rows.get(split, ())):
        if row["variant"] == 1:
            for name, start_s in zip(row["render"]["clips"], row["render"]["start_s"], strict=True):
                clips[name] = Clip(name, "", None, name, _audio_of(name, start_s, audio_dir, audio))
    if not any(clip.audio for clip in clips.values()):
        raise ValueError(f"--audio_dir {audio_dir}: none of its files is named as a clip, such as {next(iter(clips))}")
    return list(clips.values())


def _audio_of(name: str, start_s: int, audio_dir: Path, audio: dict[str, Path]) -> Path | None:
    """The file of a clip: at its place in the folder, or if its name tells no place, of that name anywhere in it."""
    file = find_file(audio_dir, name)
    if file.is_file() or "/" in name:
        return file if file.is_file() else None
    return audio.get(plain_name(name)) or audio.get(plain_name(file.stem)) or find_video_audio(audio, name, start_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe_dir", type=Path, required=True, help="a config of recipes, built or downloaded")
    parser.add_argument("--audio_dir", type=Path, required=True, help="audio files named by clip")
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--num_proc", type=int, help="worker processes; default: one per core")
    args = parser.parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    with errors_in_one_line("render_dataset.py", ValueError, OSError):
        if not args.audio_dir.is_dir():
            raise FileNotFoundError(f"--audio_dir {args.audio_dir}: no such folder")
        report, rows = read_recipes(args.recipe_dir)
        clips = clips_of(rows, args.audio_dir)
        from teminal.dataset.build import build_config
        from teminal.dataset.card import check_card
        from teminal.dataset.plan import plan_recipes

        folder = args.output_dir / report["config"]
        about = {name: report[name] for name in ("config", "source", "attribution", "citation", "unseen_pairs")}
        about |= {"license": "other", "command": command_line(), "rendered": True}
        about["captioned"] = report.get("captioned", False)
        recipe = {"rendered_from": report["recipe"], "clips": digest(clips)}
        check_card(args.output_dir)
        build_config(
            folder, recipe, about, clips, lambda skipped: plan_recipes(rows, clips, skipped), True, args.num_proc
        )


if __name__ == "__main__":
    main()
