"""Embed a folder of audio files into one file."""

import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teminal.audio import AUDIO_SUFFIXES, find_audio, printable
from teminal.evaluation.embeddings import Embedder
from teminal.evaluation.evaluation import start_processes
from teminal.evaluation.models import load
from teminal.evaluation.options import EmbedOptions
from teminal.evaluation.windows import Audio, load_file, read_ahead
from teminal.files import write_whole
from teminal.rendering import SAMPLING_RATE


def embed_folder(options: EmbedOptions) -> None:
    """Embed the audio files of a folder; write path and embedding of each, and print which are skipped.

    Processes share the work. Finished parts are kept beside the output file until all are done: after an interruption
    the next run embeds only the other files, and those that have changed.

    Raises:
        ValueError: there is no audio file that can be read, or no such checkpoint.
        OSError: a file cannot be written, or no longer read.
    """
    found = find_audio(options.audio_dir)
    left_out = found.describe_left_out()
    if not found.files:
        there = f"only {left_out}" if left_out else f"({', '.join(AUDIO_SUFFIXES)})"
        raise ValueError(f"--audio_dir {options.audio_dir}: no audio in it, {there}")
    state = start_processes()
    model = load(options.model_name_or_path, batch_size=options.per_device_eval_batch_size)
    files = {path.relative_to(options.audio_dir).as_posix(): path for path in found.files}
    names = sorted(files)
    keys = [_key(files[name]) for name in names]

    def read(rows: list[int]) -> Iterator[Audio | str]:
        return read_ahead(_load_or_reason, [files[names[row]] for row in rows])

    parts = options.output_file.with_name(f"{options.output_file.name}.parts")
    try:
        embeds, reasons = Embedder(model, parts).embed_readable(keys, read, SAMPLING_RATE)
    except OSError as error:  # not a fault of the audio: the next run tries again
        raise OSError(f"{error}; run the same command again to continue") from error
    state.wait_for_everyone()  # until all have read the parts, which are deleted below
    if not state.is_main_process:
        return
    for name, key in zip(names, keys, strict=True):
        if key in reasons:
            print(f"skipped {printable(name)}: {reasons[key]}", file=sys.stderr)
    kept = {name: embeds[key] for name, key in zip(names, keys, strict=True) if key in embeds}
    if not kept:
        raise ValueError(f"--audio_dir {options.audio_dir}: none of {len(names)} files can be read")
    write_embeddings(options.output_file, list(kept), np.stack(list(kept.values())))
    shutil.rmtree(parts)
    print(f"{len(kept)} embeddings in {printable(str(options.output_file))}, {len(reasons)} files skipped")
    if left_out:
        print(f"left out: {left_out}")


def write_embeddings(output_file: Path, names: list[str], embeds: np.ndarray) -> None:
    """Write columns `path`, see [`printable`], and `embedding` (len(names), D) to a .parquet or .npz file."""
    paths = [printable(name) for name in names]

    def write(beside: Path) -> None:
        if output_file.suffix == ".npz":
            with open(beside, "wb") as file:  # to a path NumPy would add .npz
                np.savez(file, path=np.array(paths), embedding=embeds)
        else:
            column = pa.FixedSizeListArray.from_arrays(embeds.ravel(), embeds.shape[1])
            pq.write_table(pa.table({"path": paths, "embedding": column}), beside)

    write_whole(output_file, write)


def _key(path: Path) -> str:
    """Hash path, size and time of a file, or of a broken link itself."""
    stat = path.stat() if path.exists() else path.lstat()
    return hashlib.sha256(repr((str(path.resolve()), stat.st_size, stat.st_mtime_ns)).encode()).hexdigest()


def _load_or_reason(path: Path) -> Audio | str:
    try:
        return load_file(path)
    except ValueError as error:
        return str(error)
