"""Embed a folder of audio files with a CLAP checkpoint; interrupted, the same command goes on where it stopped.

python eval/embed.py --model_name_or_path runs/esc50_tiny --audio_dir ESC-50/audio --output_file embeddings.parquet
accelerate launch --num_processes 8 eval/embed.py ...
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from accelerate import PartialState
from tqdm import tqdm
from transformers import ClapProcessor

from dataset_scripts.atomic import write_whole
from dataset_scripts.compose import SAMPLING_RATE
from dataset_scripts.decode import read_audio
from dataset_scripts.find_audio import AUDIO_SUFFIXES, find_audio, printable
from eval.encoder import embed_waveforms, load_clap
from modeling_teminal import TeminalModel

PART_SIZE = 64  # files per part: what an interruption costs at most


def read_or_reason(path: Path) -> np.ndarray | str:
    try:
        return read_audio(path)
    except ValueError as error:
        return str(error)


def job_folder(args: argparse.Namespace, model: TeminalModel, processor: ClapProcessor, files: list[str]) -> Path:
    """Where finished parts wait; another model, other files or another batch size wait elsewhere."""
    stats = [os.lstat(args.audio_dir / name) for name in files]
    listing = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in zip(files, stats, strict=True)]
    job = [str(args.audio_dir.resolve()), listing, args.per_device_eval_batch_size, PART_SIZE]
    job += [model.config.to_json_string(), processor.feature_extractor.to_json_string()]
    digest = hashlib.sha256(json.dumps(job).encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return args.output_file.with_name(f"{args.output_file.name}.{digest.hexdigest()[:12]}.parts")


def embed_part(model: TeminalModel, processor: ClapProcessor, paths: list[Path], batch_size: int, bar: tqdm):
    """Embed files, reading ahead by one batch.

    Returns:
        (embeddings of the sound files (n, D), what is wrong with each file or `None`).
    """
    batches = [paths[start : start + batch_size] for start in range(0, len(paths), batch_size)]
    embeds, errors = [], []
    with ThreadPoolExecutor() as pool:
        ahead = pool.map(read_or_reason, batches[0])
        for index in range(len(batches)):
            waveforms = list(ahead)
            if index + 1 < len(batches):
                ahead = pool.map(read_or_reason, batches[index + 1])
            errors += [clip if isinstance(clip, str) else None for clip in waveforms]
            sound = [clip for clip in waveforms if not isinstance(clip, str)]
            embeds.append(embed_waveforms(model, processor, sound, SAMPLING_RATE, batch_size, progress=False))
            bar.update(len(waveforms))
    return np.concatenate(embeds), errors


def as_table(names: list[str], embeds: np.ndarray, errors: list[str | None]) -> pa.Table:
    """`path`, see [`printable`], `embedding` (null for a faulty file) and `error` (null for a sound one)."""
    rows = pa.FixedSizeListArray.from_arrays(embeds.ravel(), embeds.shape[1])
    row_of = np.cumsum([error is None for error in errors]) - 1
    chosen = pa.array([None if error else row for row, error in zip(row_of.tolist(), errors, strict=True)], pa.int64())
    return pa.table(
        {"path": list(map(printable, names)), "embedding": rows.take(chosen), "error": pa.array(errors, pa.string())}
    )


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

        def write(beside):
            with open(beside, "wb") as file:  # else NumPy adds a suffix
                np.savez(file, path=table["path"].to_pylist(), embedding=embedding)

        write_whole(output_file, write)
    print(f"{len(table)} embeddings in {printable(str(output_file))}, {len(faulty)} files skipped")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", required=True, help="local folder or Hub id of a CLAP checkpoint")
    parser.add_argument("--audio_dir", type=Path, required=True, help="searched with its sub-folders")
    parser.add_argument("--output_file", type=Path, required=True, help=".parquet or .npz: path and embedding")
    parser.add_argument("--per_device_eval_batch_size", type=int, default=16)
    return parser.parse_args()


def main() -> None:
    try:
        embed_folder(parse_args())
    except ValueError as error:
        sys.exit(f"embed.py: error: {error}")
    except KeyboardInterrupt:
        sys.exit("embed.py: interrupted; the same command goes on from here")
    except OSError as error:  # says nothing about the audio, which is read again next time
        sys.exit(f"embed.py: error: {error}; the same command goes on from here")


def embed_folder(args: argparse.Namespace) -> None:
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=7))
    try:
        if args.output_file.suffix not in (".parquet", ".npz"):
            raise ValueError(f"--output_file {args.output_file}: end it in .parquet or .npz")
        if args.per_device_eval_batch_size < 1:
            raise ValueError(f"--per_device_eval_batch_size {args.per_device_eval_batch_size}: must be at least 1")
        if not args.audio_dir.is_dir():
            raise ValueError(f"--audio_dir {args.audio_dir}: no such folder")
        found = find_audio(args.audio_dir)
        files = sorted(path.relative_to(args.audio_dir).as_posix() for path in found.files)
        left_out = found.describe_left_out()
        if not files:
            there = f"only {left_out}" if left_out else f"({', '.join(AUDIO_SUFFIXES)})"
            raise ValueError(f"--audio_dir {args.audio_dir}: no audio in it, {there}")
        model, processor = load_clap(args.model_name_or_path)
        folder = job_folder(args, model, processor, files)
        folder.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        sys.exit(f"embed.py: error: {error}")

    model.to(state.device)
    slices = [files[start : start + PART_SIZE] for start in range(0, len(files), PART_SIZE)]
    parts = {folder / f"{index:06d}.parquet": names for index, names in enumerate(slices)}
    todo = {part: names for part, names in parts.items() if not is_whole(part, names)}
    state.wait_for_everyone()  # all have the same list before the first part is written
    mine = list(todo.items())[state.process_index :: state.num_processes]
    total = sum(len(names) for _, names in mine)
    with tqdm(desc="embed", unit="file", total=total, disable=not state.is_main_process) as bar:
        for part, names in mine:
            paths = [args.audio_dir / name for name in names]
            embeds, errors = embed_part(model, processor, paths, args.per_device_eval_batch_size, bar)
            write_whole(part, partial(pq.write_table, as_table(names, embeds, errors)))
    state.wait_for_everyone()
    if state.is_main_process:
        write_output(args.output_file, list(parts))
        if left_out:
            print(f"left out: {left_out}")
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
