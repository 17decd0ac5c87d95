"""Embed a folder of audio files with a CLAP checkpoint; interrupted, the same command goes on where it stopped.

python eval/embed.py --model_name_or_path runs/esc50_tiny --audio_dir ESC-50/audio --output_file embeddings.parquet
torchrun --nproc_per_node 8 eval/embed.py ...
"""

import argparse
from pathlib import Path

from teminal.endings import errors_in_one_line, interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("embed.py", "the same command goes on from here")

from teminal.audio import AUDIO_SUFFIXES, find_audio
from teminal.evaluation.options import check_model_path, check_output


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", required=True, help="local folder or Hub id of a CLAP checkpoint")
    parser.add_argument("--audio_dir", type=Path, required=True, help="searched with its sub-folders")
    parser.add_argument("--output_file", type=Path, required=True, help=".parquet or .npz: path and embedding")
    parser.add_argument("--per_device_eval_batch_size", type=int, default=16)
    return parser.parse_args()


def find_files(args: argparse.Namespace) -> tuple[list[str], str]:
    """Paths of the audio files within `--audio_dir`, once all flags make sense, and what is left out there.

    Raises:
        ValueError, OSError: naming the one at fault.
    """
    check_model_path(args.model_name_or_path)
    if args.output_file.suffix not in (".parquet", ".npz"):
        raise ValueError(f"--output_file {args.output_file}: end it in .parquet or .npz")
    check_output("--output_file", args.output_file)
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
    return files, left_out


def main() -> None:
    args = parse_args()
    with errors_in_one_line("embed.py", ValueError, OSError):
        files, left_out = find_files(args)
        from teminal.evaluation.embed_job import embed_files

        try:
            is_main = embed_files(
                args.model_name_or_path, args.audio_dir, files, args.output_file, args.per_device_eval_batch_size
            )
        except OSError as error:  # says nothing about the audio, which is read again next time
            raise OSError(f"{error}; the same command goes on from here") from error
        if is_main and left_out:
            print(f"left out: {left_out}")


if __name__ == "__main__":
    main()
