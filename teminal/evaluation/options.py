"""The flags that all evaluations share, and their checks; light, so that a wrong one is answered at once."""

import argparse
import errno
from dataclasses import dataclass, field
from pathlib import Path

from teminal.cli import check_ranges, option
from teminal.files import check_writable

MODEL_TYPES = ("clap", "laion_clap", "msclap", "sentence_transformers")


def evaluation_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model_name_or_path", required=True, nargs="+", help="one or more checkpoints, local folders or Hub ids"
    )
    parser.add_argument(
        "--names", nargs="+", help="of the models in tables, pictures and files; default: their last part"
    )
    parser.add_argument("--model_type", default="clap", choices=MODEL_TYPES, help="the library that they are of")
    parser.add_argument("--per_device_eval_batch_size", type=int, default=16)
    parser.add_argument("--cache_dir", help="of embeddings; default: teminal/embeddings in HF_ASSETS_CACHE")
    parser.add_argument("--output_json", type=Path, help="where every figure is written")
    parser.add_argument("--output_dir", type=Path, help="where tables and the JSON are written")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap, and of the scenes that are drawn")
    return parser


def check_arguments(args: argparse.Namespace) -> None:
    """Whether those of [`evaluation_parser`] make sense; makes the folders that are written to.

    Raises:
        ValueError, OSError: naming the one at fault.
    """
    for flag in ("seed", "per_device_eval_batch_size"):
        least = 0 if flag == "seed" else 1
        if getattr(args, flag) < least:
            raise ValueError(f"--{flag} {getattr(args, flag)}: must be at least {least}")
    for path in named_models(args).values():
        check_model_path(path)
    if args.output_json:
        check_output("--output_json", args.output_json)
    for flag in ("output_dir", "cache_dir"):
        if folder := getattr(args, flag):
            check_folder(f"--{flag}", Path(folder))


def check_model_path(model_name_or_path: str, flag: str = "--model_name_or_path") -> None:
    """Whether what can be no Hub id, for it names a place on this machine, is there; `flag` is where it comes from.

    Raises:
        ValueError: it is not.
    """
    is_local = model_name_or_path.startswith((".", "/", "~")) or model_name_or_path.count("/") > 1
    if is_local and not Path(model_name_or_path).exists():
        raise ValueError(f"{flag} {model_name_or_path}: no such folder")


def check_folder(flag: str, folder: Path) -> None:
    """Whether files can be written into a folder later on; makes it.

    Raises:
        OSError: it cannot.
    """
    try:
        check_writable(folder)
    except OSError as error:
        raise OSError(f"{flag} {folder}: cannot be written ({error.strerror}); name another folder") from error


def check_output(flag: str, file: Path) -> None:
    """Whether a file can be written later on; makes its folder.

    Raises:
        OSError: it cannot.
    """
    try:
        check_writable(file.parent)
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
    except OSError as error:
        raise OSError(f"{flag} {file}: cannot be written ({error.strerror}); name another") from error


def named_models(args: argparse.Namespace) -> dict[str, str]:
    """Name -> path or id of each model: by `--names`, or the last part of its path, two where models share it.

    Raises:
        ValueError: a model is given twice, or names are not one for each.
    """
    paths = args.model_name_or_path
    whole = [str(Path(path).resolve()) if Path(path).exists() else path for path in paths]
    if twice := [path for path in whole if whole.count(path) > 1]:
        raise ValueError(f"--model_name_or_path {twice[0]} is given twice")
    names = args.names
    if names is None:
        short = [Path(path).name for path in whole]
        longer = ["/".join(Path(path).parts[-2:]) for path in whole]
        names = [name if short.count(name) == 1 else two for name, two in zip(short, longer, strict=True)]
    if len(names) != len(paths):
        raise ValueError(f"--names: {len(names)} names for {len(paths)} models; give one for each, in their order")
    if empty_or_twice := [name for name in names if not name.strip() or names.count(name) > 1]:
        raise ValueError(f"--names {empty_or_twice[0]!r}: every model needs a name of its own")
    return dict(zip(names, paths, strict=True))


def file_stems(names: list[str]) -> dict[str, str]:
    """Name -> how it stands in the name of a file: without what a file system refuses, and distinct."""
    stems = {}
    for number, name in enumerate(names, start=1):
        stem = "".join(letter if letter.isalnum() or letter in "-+._ " else "_" for letter in name).strip()
        taken = {other.casefold() for other in stems.values()}
        stems[name] = f"{stem}-{number}" if stem.casefold() in taken else stem
    return stems


@dataclass(kw_only=True)
class EmbedOptions:
    """Say which folder is embedded with which model, and where to.

    Raises:
        ValueError, OSError: naming the one at fault.
    """

    model_name_or_path: str = field(metadata={"help": "local folder or Hub id of a CLAP checkpoint"})
    audio_dir: Path = field(metadata={"help": "searched with its sub-folders"})
    output_file: Path = field(metadata={"help": ".parquet or .npz: path and embedding"})
    per_device_eval_batch_size: int = option(16, least=1)

    def __post_init__(self) -> None:
        check_model_path(self.model_name_or_path)
        if self.output_file.suffix not in (".parquet", ".npz"):
            raise ValueError(f"--output_file {self.output_file}: end it in .parquet or .npz")
        check_output("--output_file", self.output_file)
        check_ranges(self)
        if not self.audio_dir.is_dir():
            raise ValueError(f"--audio_dir {self.audio_dir}: no such folder")
