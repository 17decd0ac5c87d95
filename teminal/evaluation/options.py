"""Declare and check the options of the evaluations, without slow imports.

A wrong option raises a ValueError or OSError that names its flag.
"""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from teminal.evaluation.onnx import ONNX_FILE
from teminal.files import check_writable
from teminal.options import check_ranges, option
from teminal.sources import SourceOptions, option_names, source_names

ModelType = Literal["clap", "laion_clap", "msclap", "sentence_transformers"]


@dataclass(kw_only=True)
class EvaluationOptions:
    """Options of all evaluations; output folders are created."""

    model_name_or_path: list[str] = field(metadata={"help": "one or more checkpoints: local folders or Hub ids"})
    names: list[str] | None = option(
        None, "names of the models in tables, plots and files; default: last part of each path"
    )
    model_type: ModelType = option("clap", "library of the models")
    per_device_eval_batch_size: int = option(16, least=1)
    cache_dir: str | None = option(None, "folder for embeddings; default: teminal/embeddings in HF_ASSETS_CACHE")
    output_json: Path | None = option(None, "file for all figures")
    output_dir: Path | None = option(None, "folder for tables, plots and the JSON file")
    seed: int = option(0, "seed of the bootstrap and of random scenes", least=0)

    def __post_init__(self) -> None:
        check_ranges(self)
        for path in self.named_models().values():
            check_model_path(path)
        if self.output_json:
            check_output("--output_json", self.output_json)
        for flag in ("output_dir", "cache_dir"):
            if folder := getattr(self, flag):
                check_folder(f"--{flag} {folder}", Path(folder))

    def named_models(self) -> dict[str, str]:
        """Map names to paths or ids: `--names`, or the last part of each path, or the last two if models share it."""
        paths = self.model_name_or_path
        whole = [str(Path(path).resolve()) if Path(path).exists() else path for path in paths]
        if twice := [path for path in whole if whole.count(path) > 1]:
            raise ValueError(f"--model_name_or_path {twice[0]} is given twice")
        names = self.names
        if names is None:
            short = [Path(path).name for path in whole]
            longer = ["/".join(Path(path).parts[-2:]) for path in whole]
            names = [name if short.count(name) == 1 else two for name, two in zip(short, longer, strict=True)]
        if len(names) != len(paths):
            raise ValueError(f"--names: {len(names)} names for {len(paths)} models; give one for each, in their order")
        if empty_or_twice := [name for name in names if not name.strip() or names.count(name) > 1]:
            raise ValueError(f"--names {empty_or_twice[0]!r}: every model needs a name of its own")
        return dict(zip(names, paths, strict=True))

    def data(self) -> dict[str, Any]:
        """Get the options of the data, for the JSON file."""
        shared = {field.name for field in fields(EvaluationOptions)}
        return {name: value for name, value in asdict(self).items() if name not in shared}


@dataclass(kw_only=True)
class ZsteOptions(EvaluationOptions, SourceOptions):
    """Options of `run_zste.py`."""

    source: str | None = option(None, f"source of the clips: {', '.join(source_names())}; default: esc50")
    folds: list[int] | None = option(None, "test folds; default: 5")
    split: str | None = option(None, "instead of folds, for a folder with splits; default: test")
    zste_dataset: str | None = option(None, "folder or Hub id of a dataset with config zste, for fixed scenes")
    n_scenes: int | None = option(None, "number of scenes, with one question in each sub-task; default: 1000", least=1)
    robustness_curves: bool = option(
        False, "also plot order against gap, ratio, total length and background; takes twice the time"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.zste_dataset:
            for name in ("source", *option_names(), "folds", "split", "n_scenes", "robustness_curves"):
                if getattr(self, name, None):
                    raise ValueError(f"--zste_dataset brings its own scenes: drop it, or --{name}")
            return
        if self.robustness_curves and not (self.output_json or self.output_dir):
            raise ValueError("--robustness_curves prints nothing: give --output_dir for its plots, or --output_json")
        self.source = self.source or "esc50"
        self.n_scenes = self.n_scenes or 1000


@dataclass(kw_only=True)
class SearchOptions(EvaluationOptions, SourceOptions):
    """Options of `run_search.py`."""

    source: str | None = option("esc50", f"source of the clips: {', '.join(source_names())}")
    folds: list[int] | None = option(None, "test folds; default: 5")
    split: str | None = option(None, "instead of folds, for a folder with splits; default: test")
    n_compositions: int = option(2200, "at least so many are searched, in sets of 22 with 10 queries each", least=1)


@dataclass(kw_only=True)
class ClassificationOptions(EvaluationOptions, SourceOptions):
    """Options of `run_classification.py`."""

    source: str | None = option("esc50", f"source of the clips: {', '.join(source_names())} or fsd50k")
    labels_file: str | None = option(None, "FSD50K's eval.csv: columns fname and labels, separated by commas")
    folds: list[int] | None = option(None, "for example those not used in training; default: all")
    split: str | None = option(None, "instead of folds, for a folder with splits; default: all")
    prompt: str = option("This is a sound of {label}.", "caption of a class, whose name replaces {label}")

    def __post_init__(self) -> None:
        super().__post_init__()
        if "{label}" not in self.prompt:
            raise ValueError(f"--prompt {self.prompt!r} does not say where the class stands: write {{label}} there")
        if self.source == "fsd50k":
            for name in (*self.given(), "folds", "split"):
                if name != "audio_dir" and getattr(self, name):
                    raise ValueError(f"--source fsd50k takes --audio_dir and --labels_file, not --{name}")
        elif self.labels_file:
            raise ValueError(f"--labels_file is for --source fsd50k; {self.source} brings its own labels")


@dataclass(kw_only=True)
class RetrievalOptions(EvaluationOptions, SourceOptions):
    """Options of `run_retrieval.py`."""

    split: str | None = option(None, "default: test")
    folds: list[int] | None = option(None, "for a folder without splits; default: all")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.source and not self.audio_dir:
            raise ValueError("--audio_dir is missing: the folder with the captioned audio")
        if not self.source and not self.dataset_name:
            raise ValueError("give --source audiocaps, clotho or folder, or --dataset_name of a Hub dataset")
        if not self.source:
            for name in (*self.given(), "folds"):
                if name != "dataset_name" and getattr(self, name):
                    raise ValueError(f"--{name} needs --source; a Hub dataset brings captions, audio and splits")


@dataclass(kw_only=True)
class CompaOptions(EvaluationOptions):
    """Options of `run_compa.py`."""

    csv_file: str = field(metadata={"help": "the authors' table of pairs, with or without triplets"})
    audio_dir: str = field(metadata={"help": "folder with the audio files of the table"})


REPORT = "zste.json"  # in an exported model of 8 bits: what they cost


@dataclass(kw_only=True)
class ExportOptions(SourceOptions):
    """Options of `teminal export`."""

    model: str = field(metadata={"help": "local folder or Hub id of a CLAP checkpoint"})
    output_dir: Path = field(metadata={"help": "folder for the exported model"})
    format: Literal["onnx"] = option("onnx", "what to export to")
    int8: bool = option(False, "matrices of 8 bits; what that costs is measured by ZSTE and stated in the card")
    source: str | None = option("synthetic", f"with --int8, source of the test clips: {', '.join(source_names())}")
    folds: list[int] | None = option(None, "with --int8, their folds; default: 5")
    n_scenes: int = option(300, "with --int8, number of scenes", least=1)

    def __post_init__(self) -> None:
        check_model_path(self.model, "--model")
        if Path(self.model, ONNX_FILE).is_file():
            raise ValueError(f"--model {self.model}: it is exported already; give the checkpoint it was made from")
        check_ranges(self)
        there = [path.name for path in self.output_dir.iterdir()] if self.output_dir.is_dir() else []
        if there and ONNX_FILE not in there:
            raise ValueError(
                f"--output_dir {self.output_dir}: it holds {min(there)} and no exported model; name a new folder"
            )
        check_folder(f"--output_dir {self.output_dir}", self.output_dir)

    def zste_options(self, models: list[str]) -> ZsteOptions:
        """Get the options of the ZSTE of some models, in the order torch, ONNX."""
        return ZsteOptions(
            model_name_or_path=models,
            names=["torch", "int8"][: len(models)],
            source=self.source,
            folds=self.folds,
            n_scenes=self.n_scenes,
            output_json=self.output_dir / REPORT if len(models) > 1 else None,
            **self.given(),
        )


def check_model_path(model_name_or_path: str, flag: str = "--model_name_or_path") -> None:
    """Raise a ValueError if a local path, which cannot be a Hub id, does not exist."""
    is_local = model_name_or_path.startswith((".", "/", "~")) or model_name_or_path.count("/") > 1
    if is_local and not Path(model_name_or_path).exists():
        raise ValueError(f"{flag} {model_name_or_path}: no such folder")


def check_output(flag: str, file: Path) -> None:
    """Create the folder of a file; raise an OSError if the file cannot be written."""
    check_folder(f"{flag} {file}", file.parent)
    if file.is_dir():
        raise IsADirectoryError(f"{flag} {file}: cannot be written (it is a folder); name another")


def check_folder(flag: str, folder: Path) -> None:
    """Create a folder; raise an OSError if nothing can be written to it."""
    try:
        check_writable(folder)
    except OSError as error:
        raise OSError(f"{flag}: cannot be written ({error.strerror}); name another folder") from error
