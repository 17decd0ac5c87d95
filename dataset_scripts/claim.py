"""Whose folder it is: one build at a time, and never over another one's shards."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dataset_scripts.atomic import remove_leftovers, write_whole
from dataset_scripts.report import REPORT


@contextmanager
def claimed(folder: Path, recipe: dict) -> Iterator[None]:
    """Make a folder this recipe's, or check that it is, and keep other builds away until this one ends.

    Raises:
        ValueError: another build is at work in the folder, or it holds something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{folder}: another build is at work here; wait for it, or stop it") from error
        _claim(folder, recipe)
        yield


def _claim(folder: Path, recipe: dict) -> None:
    file, shards = folder / "recipe.json", list(folder.glob("*.parquet"))
    if shards and not file.is_file():
        raise ValueError(f"{folder} holds Parquet files of something else: choose another --output_dir")
    before = json.loads(file.read_text()) if file.is_file() else recipe
    if shards and before != recipe:
        changed = ", ".join(sorted(name for name in recipe if recipe[name] != before.get(name)))
        raise ValueError(f"{folder} holds a build with another {changed}: delete it or choose another --output_dir")
    remove_leftovers(folder)
    if before != recipe:
        (folder / ".skipped.json").unlink(missing_ok=True)
    if (folder / REPORT).is_file() and not _is_whole(folder):
        (folder / REPORT).unlink()
    write_whole(file, lambda beside: beside.write_text(json.dumps(recipe, indent=1) + "\n"))


def _is_whole(folder: Path) -> bool:
    """Whether all shards of a finished build are still there."""
    splits = json.loads((folder / REPORT).read_text())["splits"]
    return all((folder / shard["file"]).is_file() for split in splits.values() for shard in split["shards"])
