"""Declare and check the options of `teminal embed`, `search` and `timeline`, without slow imports."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from teminal.evaluation.options import ModelType, check_folder, check_model_path, check_output
from teminal.files import LOCK
from teminal.options import check_ranges, option

ABOUT = "index.json"  # in the folder of an index
PICTURES = (".png", ".pdf", ".svg")
THRESHOLD = 1.4  # standard deviations above the rest from which on a label sounds


@dataclass(kw_only=True)
class EmbedOptions:
    """Options of `teminal embed`."""

    folder: Path = field(metadata={"help": "folder to embed, with its sub-folders"})
    model: str = field(metadata={"help": "local folder or Hub id of a checkpoint"})
    index: Path = field(metadata={"help": "folder of the index, which is made or brought up to date"})
    model_type: ModelType = option("clap", "library of the model")
    output_file: Path | None = option(None, ".parquet or .npz file, for one embedding of each whole file")
    per_device_eval_batch_size: int = option(16, "windows of audio per batch", least=1)

    def __post_init__(self) -> None:
        check_model_path(self.model, "--model")
        if self.output_file:
            if self.output_file.suffix not in (".parquet", ".npz"):
                raise ValueError(f"--output_file {self.output_file}: end it in .parquet or .npz")
            check_output("--output_file", self.output_file)
        check_ranges(self)
        if not self.folder.is_dir():
            wrong = "it is a file; give its folder" if self.folder.exists() else "no such folder"
            raise ValueError(f"--folder {self.folder}: {wrong}")
        if self.index.is_file():
            raise ValueError(f"--index {self.index}: it is a file; name a new folder")
        others = sorted(path.name for path in self.index.iterdir()) if self.index.is_dir() else []
        if ABOUT not in others and others not in ([], [LOCK]):
            raise ValueError(f"--index {self.index}: it holds {others[0]} and no {ABOUT}; name a new folder")


@dataclass(kw_only=True)
class QueryOptions:
    """Options of `teminal search`."""

    index: Path = field(metadata={"help": "folder of an index that `teminal embed` made"})
    query: str | None = option(None, "what to find, such as 'a dog barks before glass breaks'")
    audio: Path | None = option(None, "find what sounds like this file, instead of a text")
    top_k: int = option(10, "number of results", least=1)
    model: str | None = option(None, "where the index's model is now, if it has been moved")
    json: bool = option(False, "print the results as JSON")
    csv: bool = option(False, "print the results as CSV")
    save_clips: Path | None = option(None, "folder for the results as WAV files")

    def __post_init__(self) -> None:
        check_ranges(self)
        if (self.query is None) == (self.audio is None):
            raise ValueError("give a text to search for, or --audio with a file, and not both")
        if self.query is not None and not self.query.strip():
            raise ValueError("--query is empty: say what to find, such as 'a dog barks before glass breaks'")
        if self.json and self.csv:
            raise ValueError("--json and --csv: choose one")
        if self.model:
            check_model_path(self.model, "--model")
        if self.audio and not self.audio.is_file():
            raise ValueError(f"--audio {self.audio}: no such file")
        if self.save_clips:
            check_folder(f"--save_clips {self.save_clips}", self.save_clips)


@dataclass(kw_only=True)
class TimelineOptions:
    """Options of `teminal timeline`."""

    file: Path = field(metadata={"help": "recording of any length"})
    model: str = field(metadata={"help": "local folder or Hub id of a checkpoint"})
    labels: list[str] | None = option(None, "sounds to look for, such as dog rain 'church bells', or with commas")
    labels_file: Path | None = option(None, "the same from a text file, one in each line")
    model_type: ModelType = option("clap", "library of the model")
    threshold: float = option(THRESHOLD, "calibrated score above which a label sounds", least=0)
    json: bool = option(False, "print JSON in place of a sentence and a table")
    audacity_file: Path | None = option(None, "label file to write, which Audacity imports")
    picture_file: Path | None = option(None, "picture to write: spectrogram and sounds, as .png, .pdf or .svg")
    per_device_eval_batch_size: int = option(16, "windows of audio per batch", least=1)

    def __post_init__(self) -> None:
        check_model_path(self.model, "--model")
        check_ranges(self)
        if not self.file.is_file():
            raise ValueError(f"--file {self.file}: no such file")
        if self.labels is not None and self.labels_file:
            raise ValueError("--labels and --labels_file: give one of them")
        if self.labels_file:
            self.labels = read_labels(self.labels_file)
        elif self.labels is None:
            raise ValueError("give the sounds to look for: --labels dog rain, or --labels_file with one in each line")
        else:
            self.labels = [label for word in self.labels for label in split_labels(word)]
        check_labels(self.labels, f"--labels_file {self.labels_file}" if self.labels_file else "--labels")
        for flag in ("audacity_file", "picture_file"):
            if file := getattr(self, flag):
                check_output(f"--{flag}", file)
        if self.picture_file and self.picture_file.suffix not in PICTURES:
            raise ValueError(f"--picture_file {self.picture_file}: end it in {', '.join(PICTURES)}")


def split_labels(text: str) -> list[str]:
    """Split a text at its commas, of which one may end it."""
    return [label.strip() for label in text.strip().removesuffix(",").split(",")]


def check_labels(labels: Sequence[str], named: str = "--labels") -> None:
    """Raise a ValueError if there are no labels, or one is empty or given twice; `named` says where they are from."""
    stripped = [label.strip() for label in labels]
    if not stripped:
        raise ValueError(f"{named}: say which sounds to look for, such as dog rain")
    if "" in stripped:
        raise ValueError(f"{named}: a label is empty")
    if twice := [label for label in stripped if stripped.count(label) > 1]:
        raise ValueError(f"{named}: {twice[0]!r} is given twice")


def read_labels(file: Path) -> list[str]:
    """Read one label from each line of a text file; empty lines are left out.

    Raises:
        ValueError: the file is missing, or no text in UTF-8.
    """
    try:
        return [line.strip() for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"--labels_file {file}: no text in UTF-8") from error
    except OSError as error:
        raise ValueError(f"--labels_file {file}: cannot be read ({error.strerror})") from error
