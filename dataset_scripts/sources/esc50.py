"""Where clips come from: ESC-50 in its official folder layout or from a Hub dataset with the same columns."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dataset_scripts.compose import SAMPLING_RATE
from dataset_scripts.decode import read_audio
from dataset_scripts.synthetic import SYNTHETIC_CLASSES, synthesise

ESC50_DURATION_S = 5.0
ESC50_COLUMNS = ("filename", "fold", "category", "src_file")


@dataclass(frozen=True)
class Clip:
    """One labelled recording.

    `audio` is a path, the bytes of an audio file, or the (class, index) of a synthetic clip; `recording` names the
    source recording, which never lies on both sides of a split. Shorter than `min_duration_s` means truncated.
    """

    name: str
    label: str
    fold: int
    recording: str
    audio: Path | bytes | tuple[str, int] = field(repr=False)
    min_duration_s: float = 0.0


def load_clips(
    source: str,
    folds: list[int],
    esc50_dir: str | None = None,
    dataset_name: str | None = None,
    folds_flag: str = "--folds",
) -> list[Clip]:
    """The clips of some folds.

    Args:
        source: `"synthetic"` (generated, no data needed) or `"esc50"`.
        folds: folds to keep, 1 to 5.
        esc50_dir: official ESC-50 folder with `meta/esc50.csv` and `audio/`, WAV or Ogg.
        dataset_name: instead of a folder, a Hub dataset id with ESC-50's columns, such as `ashraq/esc50`.
        folds_flag: where `folds` come from, for the error.

    Returns:
        Clips, not yet decoded, sorted by name.

    Raises:
        ValueError, FileNotFoundError: naming the option at fault and what to do.
    """
    if source not in ("esc50", "synthetic"):
        raise ValueError(f"--source {source}: choose esc50 or synthetic")
    if source == "synthetic" and (esc50_dir or dataset_name):
        raise ValueError("--source synthetic takes no --esc50_dir or --dataset_name; did you mean --source esc50?")
    if esc50_dir and dataset_name:
        raise ValueError("--esc50_dir and --dataset_name: give one of them")
    if source == "synthetic":
        clips = _synthetic_clips()
    elif esc50_dir:
        clips = _esc50_folder(Path(esc50_dir))
    elif dataset_name:
        clips = _esc50_hub(dataset_name)
    else:
        raise ValueError("--source esc50 needs --esc50_dir (official folder) or --dataset_name (Hub dataset id)")
    present = sorted({clip.fold for clip in clips})
    for fold in folds:
        if fold not in present:
            data = esc50_dir or dataset_name or source
            raise ValueError(f"{folds_flag}: fold {fold} does not exist in {data}: it has {present}")
    return sorted((clip for clip in clips if clip.fold in folds), key=lambda clip: clip.name)


def _esc50_folder(root: Path) -> list[Clip]:
    if not root.is_dir():
        raise FileNotFoundError(f"--esc50_dir {root}: no such folder; get ESC-50 from github.com/karolpiczak/ESC-50")
    table = root / "meta" / "esc50.csv"
    if not table.is_file():
        raise FileNotFoundError(f"--esc50_dir {root}: meta/esc50.csv is missing; point at the official ESC-50 folder")
    with open(table, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    _check_columns(table, rows[0] if rows else ())
    return _esc50_clips(table, rows, [_audio_path(root / "audio" / row["filename"]) for row in rows])


def _audio_path(path: Path) -> Path:
    """The file, or its sibling in the other format: the official table says .wav even of a folder turned into Ogg."""
    sibling = path.with_suffix(".ogg" if path.suffix == ".wav" else ".wav")
    return sibling if not path.exists() and sibling.exists() else path


def _check_columns(origin, present) -> None:
    missing = [name for name in ESC50_COLUMNS if name not in present]
    if missing:
        raise ValueError(f"{origin}: no column {', '.join(missing)}; ESC-50 has {', '.join(ESC50_COLUMNS)}")


def _esc50_hub(dataset_name: str) -> list[Clip]:
    from datasets import Audio, load_dataset
    from datasets.exceptions import DatasetsError

    try:
        dataset = load_dataset(dataset_name, split="train")
    except (DatasetsError, OSError, ValueError) as error:
        raise ValueError(f"--dataset_name {dataset_name}: {error}") from error
    _check_columns(f"--dataset_name {dataset_name}", dataset.column_names)
    if "audio" not in dataset.column_names:
        raise ValueError(f"--dataset_name {dataset_name}: no column audio")
    dataset = dataset.cast_column("audio", Audio(decode=False))
    audio = [item["bytes"] or Path(item["path"]) for item in dataset["audio"]]
    return _esc50_clips(f"--dataset_name {dataset_name}", list(dataset.remove_columns("audio")), audio)


def _esc50_clips(origin, rows: list[dict], audio: list) -> list[Clip]:
    clips = []
    for number, (row, content) in enumerate(zip(rows, audio, strict=True), start=1):
        values = [row[name] for name in ESC50_COLUMNS]
        if None in values or not str(row["fold"]).isdigit():
            raise ValueError(f"{origin}: row {number} is damaged: {dict(zip(ESC50_COLUMNS, values, strict=True))}")
        name, fold, label, recording = values
        clips.append(Clip(name, label, int(fold), str(recording), content, ESC50_DURATION_S - 0.1))
    return clips


def _synthetic_clips(clips_per_fold: int = 24) -> list[Clip]:
    """The embedded bank: every class has `clips_per_fold` random instances in each of the folds 1 to 5."""
    return [
        Clip(f"{label}-{fold}-{i:03d}", label, fold, f"{label}-{fold}-{i:03d}", (label, fold * 1000 + i))
        for label in SYNTHETIC_CLASSES
        for fold in range(1, 6)
        for i in range(clips_per_fold)
    ]


def read_clip(clip: Clip) -> np.ndarray:
    """Decode one clip: (samples,) fp32 mono at 48 kHz, in [-1, 1].

    Raises:
        ValueError: the audio is unreadable, empty, truncated, silent or not finite; the message is the reason alone.
    """
    if isinstance(clip.audio, tuple):
        return synthesise(*clip.audio, SAMPLING_RATE)
    waveform = read_audio(clip.audio, clip.min_duration_s)
    if np.abs(waveform).max() < 1e-5:
        raise ValueError("silent audio")
    return waveform
