"""Load clips from where they come from: one file per source, whose name is what `--source` takes.

A source is a file with a function `load(...) -> list[Clip]`. Its arguments are those of [`CreditedSourceOptions`] that
it needs; it raises MissingOptionError, or ValueError or OSError naming the option at fault. `LICENSE`, `ATTRIBUTION`
and `CITATION` go into the cards, the first two from the clips where they are `None`; `REDISTRIBUTABLE = False` keeps
the audio out of what is published.
"""

import inspect
import itertools
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from teminal.audio import printable
from teminal.cli import option
from teminal.clips import Clip
from teminal.licenses import joint_license


class MissingOptionError(ValueError):
    """What a source needs and was not given, such as "--esc50_dir (official folder)"."""


def source_names() -> list[str]:
    """Name all sources: the files of this folder."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


@dataclass
class SourceOptions:
    """Say which clips are meant: a source, and where it lies."""

    source: str | None = option(None, f"where clips come from: {', '.join(source_names())}")
    esc50_dir: str | None = option(None, "official ESC-50 folder")
    audio_dir: str | None = option(
        None, "folder of audio: your own (folder), or that of audiocaps, clotho, urbansound8k, fsd50k"
    )
    captions_dir: str | None = option(None, "folder of official caption tables (audiocaps, clotho)")
    dataset_name: str | None = option(None, "Hub dataset id with the source's columns, instead of a folder")
    recording_from_name: bool = option(
        False, "of --source folder: files named alike up to their last separator are of one recording"
    )

    def given(self) -> dict[str, Any]:
        """Give the options beside `source` that are set, by name."""
        return {name: getattr(self, name) for name in option_names() if getattr(self, name, None)}

    def load(self) -> list[Clip]:
        """Load all clips of the source, not yet decoded, sorted by name; see [`load_clips`]."""
        return load_clips(self.source, **self.given())


@dataclass
class CreditedSourceOptions(SourceOptions):
    """Say also what cards credit: for building datasets and training models."""

    license: str | None = option(None, "of --source folder: what cards say, such as cc-by-4.0; default: unknown")
    attribution: str | None = option(None, "of --source folder: whom cards credit")


def option_names() -> list[str]:
    """Name all options that sources take."""
    return [field.name for field in fields(CreditedSourceOptions) if field.name != "source"]


def source_module(source: str | None, flag: str = "--source") -> ModuleType:
    """Import the file of a source; `flag` is where its name comes from, for the error."""
    if source not in source_names():
        raise ValueError(f"{flag} {source or 'is missing'}: choose of {', '.join(source_names())}")
    return import_module(f"teminal.sources.{source}")


def taken_options(source: str | None, flag: str = "--source") -> list[str]:
    """Name the options that a source takes."""
    return list(inspect.signature(source_module(source, flag).load).parameters)


def labelled_sources() -> list[str]:
    """Name the sources whose clips have classes, or may have them."""
    return [name for name in source_names() if "captions_dir" not in taken_options(name)]


def source_credits(source: str, clips: list[Clip]) -> dict[str, str]:
    """Give `license`, `attribution` and `citation` for a card, of the source or else of its clips."""
    module = source_module(source)
    credited = dict.fromkeys(clip.credit for clip in clips if clip.credit)
    return {
        "license": module.LICENSE or joint_license(clip.license for clip in clips),
        "attribution": "; ".join(credited) if module.ATTRIBUTION is None else module.ATTRIBUTION,
        "citation": module.CITATION,
    }


def load_clips(
    source: str | None, folds: list[int] | None = None, *, flag: str = "--source", **options: str | bool | None
) -> list[Clip]:
    """Load the clips of a source, all or those of some folds, not yet decoded, sorted by name.

    Args:
        source: `"esc50"`, `"synthetic"` or the name of another file of this folder.
        flag: where its name comes from, for errors.
        options: those of [`CreditedSourceOptions`]; `None` and `False` count as not given.

    Raises:
        ValueError, OSError: naming the option at fault and what to do.
    """
    taken = taken_options(source, flag)
    given = {name: value for name, value in options.items() if value is not None and value is not False}
    if refused := [name for name in given if name not in taken]:
        flags = " and ".join(f"--{option}" for option in taken) or "no folder"
        raise ValueError(f"{flag} {source} takes {flags}, not --{refused[0]}")
    try:
        clips = source_module(source, flag).load(**given)
    except MissingOptionError as error:
        raise ValueError(f"{flag} {source} needs {error}") from error
    data = ", ".join(str(value) for value in given.values() if value is not True) or str(source)
    if not clips:
        raise ValueError(f"{flag} {source}: there are no clips in {data}")
    clips = sorted(map(_printable, clips), key=lambda clip: clip.name)
    for clip, following in itertools.pairwise(clips):
        if clip.name == following.name:
            raise ValueError(f"{flag} {source}: clip {clip.name} is listed twice")
    return clips if folds is None else select_folds(clips, folds, "--folds", data)


def _printable(clip: Clip) -> Clip:
    """Keep text alone in what is said of a clip, where that comes from file names that are not UTF-8."""
    return replace(
        clip,
        name=printable(clip.name),
        label=printable(clip.label),
        recording=printable(clip.recording),
        attribution=printable(clip.attribution),
    )


def select_folds(clips: list[Clip], folds: list[int], folds_flag: str, data: str) -> list[Clip]:
    """Select the clips of some folds; `folds_flag` and `data` say in errors where folds and clips come from."""
    present = sorted({clip.fold for clip in clips if clip.fold is not None})
    for fold in folds:
        if fold not in present:
            raise ValueError(f"{folds_flag}: fold {fold} does not exist in {data}: it has {present}")
    return [clip for clip in clips if clip.fold in folds]


def select_clips(clips: list[Clip], folds: list[int] | None, split: str | None, data: str) -> list[Clip]:
    """Select the clips of `--folds`, or of `--split` where the source has splits; all if neither is given."""
    has_folds = clips[0].fold is not None
    if split and has_folds:
        raise ValueError(f"--split {split}: {data} has folds and no splits; choose by --folds")
    if folds and not has_folds:
        raise ValueError(f"--folds: {data} has splits and no folds; choose by --split")
    if folds:
        return select_folds(clips, folds, "--folds", data)
    chosen = [clip for clip in clips if split in (None, clip.split)]
    if not chosen:
        present = sorted({clip.split for clip in clips if clip.split})
        raise ValueError(f"--split {split}: {data} has {', '.join(present)} only")
    return chosen


def require_labels(clips: list[Clip], flag: str) -> None:
    """Raise a ValueError if clips have captions instead of classes."""
    if not clips[0].label:
        raise ValueError(f"{flag}: its clips have captions and no classes; run_retrieval.py is for those")


def require_folder(flag: str, folder: str | None, hint: str) -> Path:
    """Give `folder` as a path, or raise an error that names the flag and the hint."""
    if not folder:
        raise ValueError(f"{flag} is missing: {hint}")
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{flag} {folder}: no such folder; {hint}")
    return Path(folder)
