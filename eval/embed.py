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
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from accelerate import PartialState
from tqdm import tqdm
from transformers import ClapProcessor

from dataset_scripts.decode import read_audio
from eval.encoder import embed_waveforms, load_clap
from modeling_teminal import TeminalModel

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".opus")
PART_SIZE = 64  # files per part: what an interruption costs at most


def read_or_reason(path: Path) -> np.ndarray | str:
    try:
        return read_audio(path)
    except ValueError as error:
        return str(error)


def job_folder(args: argparse.Namespace, model: TeminalModel, files: list[str]) -> Path:
    """Where finished parts wait, made or found again.

    Raises:
        ValueError: parts of another job are there.
    """
    digest = hashlib.sha256(json.dumps([files, [(args.audio_dir / name).stat().st_size for name in files]]).encode())
    digest.update(f"{args.per_device_eval_batch_size} {PART_SIZE}".encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.reshape(-1).view(torch.uint8).numpy().tobytes())
    folder = args.output_file.with_name(f"{args.output_file.name}.parts")
    job = folder / "job.txt"
    if job.exists() and job.read_text() != digest.hexdigest():
        raise ValueError(f"{folder} holds parts made of other files, weights or batch size: delete it to start anew")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(job, lambda path: path.write_text(digest.hexdigest()))
    return folder


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside `path` and rename, so that a file of this name is always whole."""
    beside = path.with_name(f"{os.getpid()}-{path.name}")
    write(beside)
    beside.replace(path)


def embed_parts(
    model: TeminalModel,
    processor: ClapProcessor,
    audio_dir: Path,
    parts: dict[Path, list[str]],
    bar: tqdm,
    batch_size: int,
) -> None:
    """Write parts: tables of `path`, `embedding` (null for a faulty file) and `error` (what is wrong with it)."""
    with ThreadPoolExecutor() as pool:
        for part, names in parts.items():
            waveforms = list(pool.map(read_or_reason, [audio_dir / name for name in names]))
            errors = [clip if isinstance(clip, str) else None for clip in waveforms]
            sound = [clip for clip in waveforms if not isinstance(clip, str)]
            embeds = iter(embed_waveforms(model, processor, sound, batch_size=batch_size, progress=False).tolist())
            embeddings = [None if error else next(embeds) for error in errors]
            columns = [pa.array(names), pa.array(embeddings, pa.list_(pa.float32())), pa.array(errors, pa.string())]
            table = pa.table(columns, names=["path", "embedding", "error"])
            write_whole(part, partial(pq.write_table, table))
            bar.update(len(names))


def write_output(output_file: Path, parts: Iterable[Path]) -> None:
    table = pa.concat_tables(pq.read_table(part) for part in parts)
    faulty = table.filter(table["error"].is_valid()).to_pylist()
    for row in faulty:
        print(f"skipped {row['path']}: {row['error']}", file=sys.stderr)
    table = table.filter(table["error"].is_null()).drop_columns("error")
    if output_file.suffix == ".parquet":
        write_whole(output_file, partial(pq.write_table, table))
    else:
        embedding = np.array(table["embedding"].to_pylist(), dtype=np.float32)
        write_whole(output_file, partial(np.savez, path=table["path"].to_pylist(), embedding=embedding))
    print(f"{len(table)} embeddings in {output_file}, {len(faulty)} files skipped")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", required=True, help="local folder or Hub id of a CLAP checkpoint")
    parser.add_argument("--audio_dir", type=Path, required=True, help="searched with its sub-folders")
    parser.add_argument("--output_file", type=Path, required=True, help=".parquet or .npz: path and embedding")
    parser.add_argument("--per_device_eval_batch_size", type=int, default=16)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    state = PartialState(cpu=not torch.cuda.is_available())
    try:
        if args.output_file.suffix not in (".parquet", ".npz"):
            raise ValueError(f"--output_file {args.output_file}: end it in .parquet or .npz")
        if args.per_device_eval_batch_size < 1:
            raise ValueError(f"--per_device_eval_batch_size {args.per_device_eval_batch_size}: must be at least 1")
        if not args.audio_dir.is_dir():
            raise ValueError(f"--audio_dir {args.audio_dir}: no such folder")
        found = (path for path in args.audio_dir.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
        files = sorted(path.relative_to(args.audio_dir).as_posix() for path in found)
        if not files:
            raise ValueError(f"--audio_dir {args.audio_dir}: no audio in it ({', '.join(AUDIO_SUFFIXES)})")
        model, processor = load_clap(args.model_name_or_path)
        folder = job_folder(args, model, files)
    except (ValueError, OSError) as error:
        sys.exit(f"embed.py: error: {error}")

    model.to(state.device)
    slices = [files[start : start + PART_SIZE] for start in range(0, len(files), PART_SIZE)]
    parts = {folder / f"{index:06d}.parquet": names for index, names in enumerate(slices)}
    mine = dict(list(parts.items())[state.process_index :: state.num_processes])
    todo = {part: names for part, names in mine.items() if not part.exists()}
    total, left = sum(map(len, mine.values())), sum(map(len, todo.values()))
    with tqdm(desc="embed", unit="file", total=total, initial=total - left, disable=not state.is_main_process) as bar:
        try:
            embed_parts(model, processor, args.audio_dir, todo, bar, args.per_device_eval_batch_size)
        except KeyboardInterrupt:
            sys.exit("embed.py: interrupted; the same command goes on from here")
    state.wait_for_everyone()
    if state.is_main_process:
        write_output(args.output_file, parts)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
