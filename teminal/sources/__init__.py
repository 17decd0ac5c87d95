"""Load the clips of a source: each file in this folder is one, and its name is a value of `--source`.

A source defines `load(...) -> list[Clip]`, whose arguments are options of [`CreditedSourceOptions`]. It raises
MissingOptionError, or a ValueError or OSError that names the wrong option. `LICENSE`, `ATTRIBUTION` and `CITATION` are
shown in cards; where the first two are `None`, those of the clips are. With `REDISTRIBUTABLE = False` its audio is
never published.
"""

import inspect
import itertools
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from teminal.audio import printable
from teminal.clips import Clip
from teminal.licenses import joint_license
from teminal.options import option


class MissingOptionError(ValueError):
    """A source lacks an option; the message names it, such as "--esc50_dir (official folder)"."""


def source_names() -> list[str]:
    """List the names of all sources."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


@dataclass
class SourceOptions:
    """Options that choose a source of clips and its folders."""

    source: str | None = option(None, f"where clips come from: {', '.join(source_names())}")
    esc50_dir: str | None = option(None, "official ESC-50 folder")
    audio_dir: str | None = option(
        None, "folder of audio: your own (--source folder), or of audiocaps, clotho, urbansound8k, fsd50k"
    )
    captions_dir: str | None = option(None, "folder of official caption tables (audiocaps, clotho)")
    dataset_name: str | None = option(None, "Hub dataset id with the source's columns, instead of a folder")
    recording_from_name: bool = option(
        False, "with --source folder: files whose names differ only after the last separator are one recording"
    )

    def given(self) -> dict[str, Any]:
        """Return the options that are set, except `source`, by name."""
        return {name: getattr(self, name) for name in option_names() if getattr(self, name, None)}

    def load(self) -> list[Clip]:
        """Load all clips of the source, not yet decoded, sorted by name; see [`load_clips`]."""
        return load_clips(self.source, **self.given())


@dataclass
class CreditedSourceOptions(SourceOptions):
    """Source options with the credits that cards show: for building datasets and training models."""

    license: str | None = option(None, "with --source folder: licence in cards, such as cc-by-4.0; default: unknown")
    attribution: str | None = option(None, "with --source folder: credit in cards")


def option_names() -> list[str]:
    """List the names of all source options."""
    return [field.name for field in fields(CreditedSourceOptions) if field.name != "source"]


def source_module(source: str | None, flag: str = "--source") -> ModuleType:
    """Import a source; `flag` is the option that names it, for error messages."""
    if source not in source_names():
        raise ValueError(f"{flag} {source or 'is missing'}: choose of {', '.join(source_names())}")
    return import_module(f"teminal.sources.{source}")


def taken_options(source: str | None, flag: str = "--source") -> list[str]:
    """List the options that a source takes."""
    return list(inspect.signature(source_module(source, flag).load).parameters)


def source_credits(source: str, clips: list[Clip]) -> dict[str, str]:
    """Return `license`, `attribution` and `citation` for a card, from the source or else from its clips."""
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
    """Load the clips of a source, or those of some folds, without decoding them; sorted by name.

    Args:
        source: one of [`source_names`].
        flag: option that names the source, for error messages.
        options: see [`CreditedSourceOptions`]; `None` and `False` count as not given.

    Raises:
        ValueError, OSError: the message names the wrong option and what to do.
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
    """Escape what is not UTF-8 in the metadata of a clip, which may come from file names."""
    return replace(
        clip,
        name=printable(clip.name),
        label=printable(clip.label),
        recording=printable(clip.recording),
        attribution=printable(clip.attribution),
    )


def select_folds(clips: list[Clip], folds: list[int], folds_flag: str, data: str) -> list[Clip]:
    """Select the clips of some folds; `folds_flag` and `data` name the option and the source in error messages."""
    present = sorted({clip.fold for clip in clips if clip.fold is not None})
    for fold in folds:
        if fold not in present:
            raise ValueError(
                f"{folds_flag}: fold {fold} does not exist in {data}, which has {', '.join(map(str, present))}"
            )
    return [clip for clip in clips if clip.fold in folds]


def select_clips(clips: list[Clip], folds: list[int] | None, split: str | None, data: str) -> list[Clip]:
    """Select clips by `--folds`, or by `--split` if the source has splits; all if neither is given."""
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
    """Raise a ValueError if the clips have captions instead of classes."""
    if not clips[0].label:
        raise ValueError(f"{flag}: its clips have captions and no classes; run_retrieval.py is for those")


def require_folder(flag: str, folder: str | None, hint: str) -> Path:
    """Return `folder` as a path; raise an error with flag and hint if it is not given or does not exist."""
    if not folder:
        raise ValueError(f"{flag} is missing: {hint}")
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"{flag} {folder}: no such folder; {hint}")
    return Path(folder)
