"""Describe a clip, one recording with what is said of it; decode one, or many into a bank."""

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
from teminal.files import assets_folder, file_sha256, read_json, write_json, write_whole
from teminal.rendering import EVENT_SAMPLES, SAMPLING_RATE, SCENE_SAMPLES, event_loop

MAX_DURATION_S = 60.0  # of a clip that is read: a small file may unpack to hours
FORMAT = 2  # of a bank's file and of how clips are decoded; another one makes new files

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """One labelled or captioned recording.

    Attributes:
        label: its class, or "" for a captioned clip.
        fold: its official fold, or `None` where the source has an official `split` instead.
        recording: the source recording, which never lies on both sides of a split.
        audio: a path, the bytes of an audio file, a function that generates (samples,) fp32 at 48 kHz, or `None` where
            the audio is not at hand.
        min_duration_s: shorter audio counts as truncated.
        captions: what people wrote of it.
        split: "train", "validation" or "test".
        start_s: where in the recording the clip begins.
        license: its identifier on the Hub.
        attribution: whom to credit for it.
        credit: the same without the recording, where not the source but its clips say so.
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
        """Whether the clip is made by a function, and so cannot be faulty."""
        return callable(self.audio)


def read_clip(clip: Clip) -> np.ndarray:
    """Decode one clip: (samples,) fp32 mono at 48 kHz, in [-1, 1], at most `MAX_DURATION_S`.

    Raises:
        ValueError: the audio is unreadable, empty, truncated, silent or not finite; the message is the reason alone.
    """
    if callable(clip.audio):
        return clip.audio()
    if clip.audio is None:
        raise ValueError("missing file")
    waveform = read_audio(clip.audio, clip.min_duration_s, MAX_DURATION_S)
    if np.abs(waveform).max() < 1e-5:
        raise ValueError("silent audio")
    return waveform


def digest(clips: list[Clip]) -> str:
    """Hash all that is known of clips before they are decoded, with size and time of their files."""
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
    """Decode some clips into a file of (clips, n_raw + EVENT_SAMPLES) fp16: each as recorded, and its event loop.

    Rows of other and of faulty clips stay empty.

    Args:
        which: indices of the clips to decode.
        pool: threads or processes; each writes its own rows, so that memory stays flat.
        n_raw: samples that are kept as recorded, cut or zero-padded; 0 keeps the loops alone.

    Returns:
        Index -> the reason why a clip cannot be used.
    """
    which = list(which)
    with open(file, "wb") as out:
        out.truncate(len(clips) * 2 * (n_raw + EVENT_SAMPLES))
    reasons: Any = pool.map(partial(_decode_clip, file, n_raw), which, [clips[index] for index in which])
    with closing(reasons):  # on Ctrl-C cancels the rest
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
    """Decode (n_raw + EVENT_SAMPLES,) fp16: the clip and its loop, one after the other."""
    waveform = read_clip(clip)
    raw = np.zeros(n_raw, np.float16)
    raw[: len(waveform)] = waveform[:n_raw]
    if n_raw and not raw.any():
        raise ValueError(f"silent in its first {n_raw / SAMPLING_RATE:g} s")
    return np.concatenate([raw, event_loop(waveform).astype(np.float16)])


@dataclass
class ClipBank:
    """Decoded clips: `raw[i]` is clip i as recorded, `loops[i]` its event loop, (EVENT_SAMPLES,), both fp16. Where few
    generated clips are drawn, only theirs are there.

    `raw` is cut or zero-padded to 5 s; of captioned clips, whose captions speak of all that is heard, to 10 s.
    `skipped` maps a clip's name to the reason why it is not here. `sha256` is of the names, classes, captions and
    sounds of all clips, wherever their files lie.
    """

    clips: list[Clip]
    raw: np.ndarray | dict[int, np.ndarray]
    loops: np.ndarray | dict[int, np.ndarray]
    skipped: dict[str, str]
    sha256: str

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Let other processes map the file again: what is mapped would be pickled whole."""
        file = getattr(self.raw, "filename", None)
        if file is None:
            return super().__reduce__()
        return _open_bank, (file, self.clips, self.skipped, self.sha256)

    def __post_init__(self) -> None:
        self.labels = [clip.label for clip in self.clips]
        self.classes = sorted({label for label in self.labels if label})
        self.by_class = {label: np.flatnonzero(np.array(self.labels) == label) for label in self.classes}


def build_bank(clips: list[Clip], drawn: Callable[[ClipBank], set[int]] | None = None) -> ClipBank:
    """Decode clips on all cores, or take them from the file of an earlier time; faulty ones are skipped and named.

    The file, 1 MB per labelled and 1.4 MB per captioned clip, lies in [`assets_folder`] under a hash of the clips, and
    is checked by its own hash: a damaged one is made again.

    Args:
        drawn: tells which clips of a bank are going to be used. Generated clips cannot be faulty, so that this can be
            asked before they are made; if it is less than half of them, the others are not.

    Raises:
        ValueError: there are not two usable clips (of different classes, where they have classes).
        OSError: the disk is full, or the system refuses to read a clip.
    """
    if drawn and all(clip.is_generated for clip in clips):
        few = sorted(drawn(ClipBank(clips, {}, {}, {}, "")))
        if 2 * len(few) < len(clips):
            return _bank_in_memory(clips, few)
    file = assets_folder("banks") / f"{digest(clips)[:32]}-{FORMAT}.f16"
    known = _read_known(file, clips) or _decode_bank(clips, file)
    skipped = known["skipped"]
    for name, reason in skipped.items():
        logger.warning("skipped %s: %s", name, reason)
    if skipped:
        logger.warning("skipped %d of %d clips", len(skipped), len(clips))
    kept = [clip for clip in clips if clip.name not in skipped]
    if len({clip.label or clip.name for clip in kept}) < 2:
        raise ValueError(f"{len(kept)} of {len(clips)} clips are usable; scenes need at least two classes")
    content = [(clip.name, clip.label, clip.captions) for clip in kept], known["sha256"]
    return _open_bank(file, kept, skipped, hashlib.sha256(repr(content).encode()).hexdigest())


def _bank_in_memory(clips: list[Clip], few: list[int]) -> ClipBank:
    """Make a bank with the sounds of a few of its generated clips."""
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
    """Read `skipped` and `sha256` of a bank's file, or nothing where it is missing or damaged."""
    if not file.is_file():
        return None
    known = read_json(file.with_suffix(".json")) or {}
    n_bytes = 2 * (len(clips) - len(known.get("skipped", ()))) * (_n_raw(clips) + EVENT_SAMPLES)
    if file.stat().st_size == n_bytes and file_sha256(file) == known.get("sha256"):
        return known
    logger.warning("%s or its .json is damaged: decoded again", file)
    return None


def _decode_bank(clips: list[Clip], file: Path) -> dict[str, Any]:
    """Write a bank's file, without rows of faulty clips, and what [`_read_known`] reads."""
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
