"""Embeddings of many files: in parts that wait on the disk until all are there, shared by processes."""

import hashlib
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.audio import printable
from teminal.evaluation.adapters import fingerprint
from teminal.evaluation.clap import best_device, embed_waveforms, load_clap
from teminal.evaluation.embeddings import write_arrays
from teminal.evaluation.evaluation import start_processes
from teminal.evaluation.windows import LongSound, in_batches, read_sound
from teminal.files import write_whole
from teminal.rendering import SAMPLING_RATE

PART_SIZE = 64  # files per part: what an interruption costs at most


def read_or_reason(path: Path, sampling_rate: int) -> np.ndarray | LongSound | str:
    try:
        return read_sound(path, sampling_rate)
    except ValueError as error:
        return str(error)


def job_folder(
    audio_dir: Path,
    output_file: Path,
    files: list[str],
    batch_size: int,
    model: TeminalModel,
    processor: ClapProcessor,
) -> Path:
    """Where finished parts wait; those of another model, other files or another batch size wait elsewhere."""
    stats = [file_stat(audio_dir / name) for name in files]
    listing = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in zip(files, stats, strict=True)]
    job = [str(audio_dir.resolve()), listing, batch_size, PART_SIZE]
    configs = model.config.to_json_string(), processor.feature_extractor.to_json_string()
    job.append(fingerprint(model.state_dict(), *configs))
    digest = hashlib.sha256(json.dumps(job).encode()).hexdigest()
    return output_file.with_name(f"{output_file.name}.{digest[:12]}.parts")


def file_stat(path: Path) -> os.stat_result:
    """Of what a link leads to; of the link itself where that is nothing."""
    try:
        return path.stat()
    except OSError:
        return path.lstat()


def embed_part(model: TeminalModel, processor: ClapProcessor, paths: list[Path], batch_size: int, bar: tqdm):
    """Embed files, reading ahead by one batch.

    Returns:
        (embeddings of the sound files (n, D), what is wrong with each file or `None`).
    """
    batches = list(in_batches(paths, batch_size))
    read = partial(read_or_reason, sampling_rate=processor.feature_extractor.sampling_rate)
    embeds, errors = [], []
    with ThreadPoolExecutor() as pool:
        ahead = pool.map(read, batches[0])
        for index in range(len(batches)):
            clips = list(ahead)
            if index + 1 < len(batches):
                ahead = pool.map(read, batches[index + 1])
            errors += [clip if isinstance(clip, str) else None for clip in clips]
            sound = [clip for clip in clips if not isinstance(clip, str)]
            embeds.append(embed_waveforms(model, processor, sound, SAMPLING_RATE, batch_size, progress=False))
            bar.update(len(clips))
    return np.concatenate(embeds), errors


def as_table(names: list[str], embeds: np.ndarray, errors: list[str | None]) -> pa.Table:
    """`path`, see [`printable`], `embedding` (null for a faulty file) and `error` (null for a sound one)."""
    rows = pa.FixedSizeListArray.from_arrays(embeds.ravel(), embeds.shape[1])
    row_of = np.cumsum([error is None for error in errors]) - 1
    chosen = pa.array([None if error else row for row, error in zip(row_of.tolist(), errors, strict=True)], pa.int64())
    paths = list(map(printable, names))
    return pa.table({"path": paths, "embedding": rows.take(chosen), "error": pa.array(errors, pa.string())})


def is_whole(part: Path, names: list[str]) -> bool:
    """Whether a part is there and can be read, and is of these files."""
    try:
        return pq.read_table(part)["path"].to_pylist() == list(map(printable, names))
    except (FileNotFoundError, KeyError, pa.ArrowInvalid):
        return False


def write_output(output_file: Path, parts: list[Path]) -> None:
    table = pa.concat_tables(pq.read_table(part) for part in parts)
    faulty = table.filter(table["error"].is_valid()).to_pylist()
    for row in faulty:
        print(f"skipped {row['path']}: {row['error']}", file=sys.stderr)
    table = table.filter(table["error"].is_null()).drop_columns("error")
    if output_file.suffix == ".parquet":
        write_whole(output_file, partial(pq.write_table, table))
    else:
        embedding = table["embedding"].combine_chunks()
        embedding = embedding.flatten().to_numpy().reshape(-1, embedding.type.list_size)
        write_arrays(output_file, path=table["path"].to_pylist(), embedding=embedding)
    print(f"{len(table)} embeddings in {printable(str(output_file))}, {len(faulty)} files skipped")


def embed_files(
    model_name_or_path: str, audio_dir: Path, files: list[str], output_file: Path, batch_size: int
) -> bool:
    """Embed files of `audio_dir` and write path and embedding of each; goes on from parts that are there.

    Returns:
        Whether this is the process that speaks for all.

    Raises:
        ValueError: no such checkpoint, or processes that do not know of each other.
        OSError: a file cannot be written or no longer read; the next time goes on from there.
    """
    state = start_processes()
    try:
        model, processor = load_clap(model_name_or_path)
    except OSError as error:
        raise ValueError(str(error)) from error
    folder = job_folder(audio_dir, output_file, files, batch_size, model, processor)
    folder.mkdir(parents=True, exist_ok=True)
    model.to(best_device())
    slices = list(in_batches(files, PART_SIZE))
    parts = {folder / f"{index:06d}.parquet": names for index, names in enumerate(slices)}
    todo = {part: names for part, names in parts.items() if not is_whole(part, names)}
    state.wait_for_everyone()  # all have the same list before the first part is written
    mine = list(todo.items())[state.process_index :: state.num_processes]
    total = sum(len(names) for _, names in mine)
    with tqdm(desc="embed", unit="file", total=total, disable=not state.is_main_process) as bar:
        for part, names in mine:
            embeds, errors = embed_part(model, processor, [audio_dir / name for name in names], batch_size, bar)
            write_whole(part, partial(pq.write_table, as_table(names, embeds, errors)))
    state.wait_for_everyone()
    if state.is_main_process:
        write_output(output_file, list(parts))
        shutil.rmtree(folder)
    return state.is_main_process
