"""Whose folder it is: one build at a time, and never over another one's shards."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from teminal.dataset.report import REPORT
from teminal.dataset.shards import hash_file
from teminal.files import file_sha256, locked, read_json, remove_leftovers, write_json


@contextmanager
def claimed(folder: Path, recipe: dict) -> Iterator[None]:
    """Make a folder this recipe's, or check that it is, and keep other builds away until this one ends.

    Raises:
        ValueError: another build is at work in the folder, or it holds something else.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "build"):
        _claim(folder, recipe)
        yield


def _claim(folder: Path, recipe: dict) -> None:
    file, shards = folder / "recipe.json", list(folder.glob("*.parquet"))
    if shards and not file.is_file():
        raise ValueError(f"{folder} holds Parquet files of something else: choose another --output_dir")
    before = read_json(file)
    if shards and before is None:
        raise ValueError(f"{file} is damaged: delete {folder} and build again, or choose another --output_dir")
    if shards and before != recipe:
        changed = ", ".join(sorted(name for name in recipe if recipe[name] != before.get(name)))
        raise ValueError(f"{folder} holds a build with another {changed}: delete it or choose another --output_dir")
    remove_leftovers(folder)
    if before != recipe:
        (folder / ".skipped.json").unlink(missing_ok=True)
    if (folder / REPORT).is_file():
        _check_finished(folder)
    write_json(file, recipe)


def _check_finished(folder: Path) -> None:
    """Delete the report of a finished build if it is damaged or any of the shards is, so that the build goes on."""
    splits = (read_json(folder / REPORT) or {}).get("splits") or {}
    told = {folder / shard["file"]: shard["sha256"] for split in splits.values() for shard in split["shards"]}
    if told and all(path.is_file() and file_sha256(path) == sha256 for path, sha256 in told.items()):
        return
    for path, sha256 in told.items():
        hash_file(path).write_text(sha256)
    (folder / REPORT).unlink()
