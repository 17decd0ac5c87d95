"""Describe clips (recordings with a label or captions), decode them, and keep them decoded in a bank."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from teminal.audio import can_decode, read_audio
from teminal.event_loops import EVENT_SAMPLES, SAMPLING_RATE, event_loop
from teminal.files import assets_folder, file_sha256, read_json, write_json, write_whole
from teminal.rendering import SCENE_SAMPLES

MAX_DURATION_S = 60.0  # read from a clip: a small file may decode to hours of audio
FORMAT = 2  # of bank files; change it when clips are decoded differently

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """One labelled or captioned recording.

    Attributes:
        label: class, or "" for a captioned clip.
        fold: official fold, or `None` if the source has splits.
        recording: the recording it was cut from; all clips of a recording go to one split.
        audio: a path, the bytes of an audio file, a function that generates (samples,) fp32 at 48 kHz, or `None` if
            the audio is not available.
        min_duration_s: shorter audio counts as truncated.
        captions: captions written by people.
        split: "train", "validation" or "test".
        start_s: where the clip starts in its recording.
        license: identifier on the Hub.
        attribution: whom to credit.
        credit: `attribution` without the recording, if it is given per clip and not for the whole source.
    """

    name: str
    label: str = ""
    fold: int | None = None
    recording: str = ""
    audio: Path | bytes | Callable[[], np.ndarray] | None = field(default=None, repr=False)
    min_duration_s: float = 0.0
    captions: tuple[str, ...] = ()
    split: str | None = None
    start_s: int = 0
    license: str = "other"
    attribution: str = ""
    credit: str = ""

    @property
    def is_generated(self) -> bool:
        """Tell whether a function generates the audio, which is then never faulty."""
        return callable(self.audio)


def read_clip(clip: Clip) -> np.ndarray:
    """Decode one clip: (samples,) fp32 mono at 48 kHz, in [-1, 1], at most `MAX_DURATION_S`.

    Raises:
        ValueError: the audio is missing, unreadable, empty, truncated, silent or not finite.
    """
    if callable(clip.audio):
        return clip.audio()
    if clip.audio is None:
        raise ValueError("missing file")
    waveform = read_audio(clip.audio, clip.min_duration_s, MAX_DURATION_S)
    if np.abs(waveform).max() < 1e-5:
        raise ValueError("silent audio")
    return waveform


def hash_clips(clips: list[Clip]) -> str:
    """Hash the metadata of clips, and size and modification time of their files, without decoding them."""
    hashed = hashlib.sha256()
    for clip in clips:
        audio: Any = clip.audio
        if isinstance(audio, Path):
            stat = audio.stat() if audio.is_file() and can_decode(audio) else None
            audio = stat and (stat.st_size, stat.st_mtime_ns)
        elif isinstance(audio, bytes):
            audio = hashlib.sha256(audio).hexdigest()
        known = clip.name, clip.label, clip.fold, clip.split, clip.captions, clip.recording, clip.start_s, audio
        hashed.update(repr(known).encode())
    return hashed.hexdigest()


def decode_clips(
    clips: list[Clip], which: Iterable[int], file: Path, pool: Executor, n_raw: int = 0
) -> dict[int, str]:
    """Decode clips to a file of (clips, n_raw + EVENT_SAMPLES) fp16: the start of each recording, then its event loop.

    Rows of faulty clips, and of clips not in `which`, stay zero.

    Args:
        which: indices of the clips to decode.
        pool: threads or processes; each writes its own rows, so that memory use does not grow with the clips.
        n_raw: samples kept as recorded, cut or zero-padded; 0 keeps only the loops.

    Returns:
        Index -> the reason why a clip cannot be used.
    """
    which = list(which)
    with open(file, "wb") as out:
        out.truncate(len(clips) * 2 * (n_raw + EVENT_SAMPLES))
    reasons: Any = pool.map(partial(_decode_clip, file, n_raw), which, [clips[index] for index in which])
    with closing(reasons):  # cancels the rest on Ctrl-C
        bar = tqdm(reasons, total=len(which), desc="decode", unit="clip")
        return {index: reason for index, reason in zip(which, bar, strict=True) if reason}


def _decode_clip(file: Path, n_raw: int, index: int, clip: Clip) -> str | None:
    try:
        sounds = _raw_and_loop(clip, n_raw)
    except ValueError as error:
        return str(error)
    with open(file, "r+b") as out:
        out.seek(index * sounds.nbytes)
        out.write(sounds.tobytes())
    return None


def _raw_and_loop(clip: Clip, n_raw: int) -> np.ndarray:
    """Decode a clip to (n_raw + EVENT_SAMPLES,) fp16: its start as recorded, then its event loop."""
    waveform = read_clip(clip)
    raw = np.zeros(n_raw, np.float16)
    raw[: len(waveform)] = waveform[:n_raw]
    if n_raw and not raw.any():
        raise ValueError(f"silent in its first {n_raw / SAMPLING_RATE:g} s")
    return np.concatenate([raw, event_loop(waveform).astype(np.float16)])


@dataclass
class ClipBank:
    """Decoded clips.

    Attributes:
        raw: clip -> (samples,) fp16 as recorded, cut or zero-padded to 5 s, or to 10 s for captioned clips.
        loops: clip -> its event loop, (EVENT_SAMPLES,) fp16. Both are dictionaries if only a few clips are needed.
        skipped: name of each faulty clip, which is not in `clips` -> reason.
        sha256: hash of names, labels, captions and audio, independent of where files are.
    """

    clips: list[Clip]
    raw: np.ndarray | dict[int, np.ndarray]
    loops: np.ndarray | dict[int, np.ndarray]
    skipped: dict[str, str]
    sha256: str

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle the name of the file instead of its content; the other process maps it again."""
        file = getattr(self.raw, "filename", None)
        if file is None:
            return super().__reduce__()
        return _open_bank, (file, self.clips, self.skipped, self.sha256)

    def __post_init__(self) -> None:
        self.labels = [clip.label for clip in self.clips]
        self.classes = sorted({label for label in self.labels if label})
        self.by_class = {label: np.flatnonzero(np.array(self.labels) == label) for label in self.classes}


def build_bank(clips: list[Clip], drawn: Callable[[ClipBank], set[int]] | None = None) -> ClipBank:
    """Decode clips on all cores, or load them from the cache; log and skip faulty ones.

    The cache file is in [`assets_folder`], named by a hash of the clips, and takes 1 MB per labelled or 1.4 MB per
    captioned clip. A damaged file is written again.

    Args:
        drawn: returns the clips of a bank that will be used. If all clips are generated, and fewer than half of them
            are used, only those are generated, in memory.

    Raises:
        ValueError: fewer than two clips (of different classes, if they have classes) are usable.
        OSError: the disk is full, or a file cannot be read.
    """
    if drawn and all(clip.is_generated for clip in clips):
        few = sorted(drawn(ClipBank(clips, {}, {}, {}, "")))
        if 2 * len(few) < len(clips):
            return _bank_in_memory(clips, few)
    file = assets_folder("banks") / f"{hash_clips(clips)[:32]}-{FORMAT}.f16"
    known = _read_known(file, clips) or _decode_bank(clips, file)
    for name, reason in known["skipped"].items():
        logger.warning("skipped %s: %s", name, reason)
    if known["skipped"]:
        logger.warning("skipped %d of %d clips", len(known["skipped"]), len(clips))
    kept = [clip for clip in clips if clip.name not in known["skipped"]]
    if len({clip.label or clip.name for clip in kept}) < 2:
        raise ValueError(f"{len(kept)} of {len(clips)} clips are usable; scenes need at least two classes")
    content = [(clip.name, clip.label, clip.captions) for clip in kept], known["sha256"]
    return _open_bank(file, kept, known["skipped"], hashlib.sha256(repr(content).encode()).hexdigest())


def _bank_in_memory(clips: list[Clip], few: list[int]) -> ClipBank:
    """Generate a few of the clips in memory."""
    with ThreadPoolExecutor() as pool:
        made = pool.map(_raw_and_loop, [clips[index] for index in few], [_n_raw(clips)] * len(few))
        sounds = dict(zip(few, tqdm(made, total=len(few), desc="decode", unit="clip"), strict=True))
    content = [(clips[index].name, sound.tobytes()) for index, sound in sounds.items()]
    raw = {index: sound[:-EVENT_SAMPLES] for index, sound in sounds.items()}
    loops = {index: sound[-EVENT_SAMPLES:] for index, sound in sounds.items()}
    return ClipBank(clips, raw, loops, {}, hashlib.sha256(repr(content).encode()).hexdigest())


def _n_raw(clips: list[Clip]) -> int:
    return EVENT_SAMPLES if clips[0].label else SCENE_SAMPLES


def _read_known(file: Path, clips: list[Clip]) -> dict[str, Any] | None:
    """Read `skipped` and `sha256` of a bank file; `None` if it is missing or damaged."""
    if not file.is_file():
        return None
    known = read_json(file.with_suffix(".json")) or {}
    n_bytes = 2 * (len(clips) - len(known.get("skipped", ()))) * (_n_raw(clips) + EVENT_SAMPLES)
    if file.stat().st_size == n_bytes and file_sha256(file) == known.get("sha256"):
        return known
    logger.warning("%s or its .json is damaged: clips are decoded again", file)
    return None


def _decode_bank(clips: list[Clip], file: Path) -> dict[str, Any]:
    """Write a bank file without rows of faulty clips, and the .json that [`_read_known`] reads."""
    known: dict[str, Any] = {}

    def write(beside: Path) -> None:
        with ThreadPoolExecutor() as pool:
            reasons = decode_clips(clips, range(len(clips)), beside, pool, _n_raw(clips))
        kept = [index for index in range(len(clips)) if index not in reasons]
        n_samples = _n_raw(clips) + EVENT_SAMPLES
        if reasons:
            rows = np.memmap(beside, np.float16, "r+", shape=(len(clips), n_samples))
            for row, index in enumerate(kept):
                rows[row] = rows[index]
            del rows  # closes the file
            os.truncate(beside, len(kept) * 2 * n_samples)
        known["skipped"] = {clips[index].name: reason for index, reason in reasons.items()}
        known["sha256"] = file_sha256(beside)

    write_whole(file, write)
    write_json(file.with_suffix(".json"), known)
    return known


def _open_bank(file: Path, clips: list[Clip], skipped: dict[str, str], sha256: str) -> ClipBank:
    sounds = np.memmap(file, np.float16, "r").reshape(len(clips), -1)
    return ClipBank(clips, sounds[:, :-EVENT_SAMPLES], sounds[:, -EVENT_SAMPLES:], skipped, sha256)
