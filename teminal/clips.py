"""A clip: one recording with what is said of it, and how it is decoded."""

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from teminal.audio import read_audio
from teminal.files import assets_folder, file_sha256, read_json, write_json, write_whole
from teminal.find_audio import can_decode
from teminal.rendering import EVENT_SAMPLES, SAMPLING_RATE, SCENE_SAMPLES, event_loop
from teminal.synthetic import synthesise

MAX_DURATION_S = 60.0  # of a clip that is read: a small file may unpack to hours


@dataclass(frozen=True)
class Clip:
    """One labelled or captioned recording.

    Attributes:
        label: its class, or "" for a captioned clip.
        fold: its official fold, or `None` where the source has an official `split` instead.
        recording: the source recording, which never lies on both sides of a split.
        audio: a path, the bytes of an audio file, the (class, index) of a synthetic clip, or `None` where the audio
            is not at hand.
        min_duration_s: shorter audio counts as truncated.
        captions: what people wrote of it.
        split: "train", "validation" or "test".
        start_s: where in the recording the clip begins.
        license: its SPDX-like identifier on the Hub.
        attribution: whom to credit for it.
        credit: the same without the recording, where not the source but its clips say so.
    """

    name: str
    label: str
    fold: int | None
    recording: str
    audio: Path | bytes | tuple[str, int] | None = field(repr=False)
    min_duration_s: float = 0.0
    captions: tuple[str, ...] = ()
    split: str | None = None
    start_s: int = 0
    license: str = "other"
    attribution: str = ""
    credit: str = ""

    @property
    def is_generated(self) -> bool:
        """Whether the clip is made by [`synthesise`], and so cannot be faulty."""
        return isinstance(self.audio, tuple)


def read_clip(clip: Clip) -> np.ndarray:
    """Decode one clip: (samples,) fp32 mono at 48 kHz, in [-1, 1], at most `MAX_DURATION_S`.

    Raises:
        ValueError: the audio is unreadable, empty, truncated, silent or not finite; the message is the reason alone.
    """
    if clip.is_generated:
        return synthesise(*clip.audio, SAMPLING_RATE)
    if clip.audio is None:
        raise ValueError("missing file")
    waveform = read_audio(clip.audio, clip.min_duration_s, MAX_DURATION_S)
    if np.abs(waveform).max() < 1e-5:
        raise ValueError("silent audio")
    return waveform


def digest(clips: list[Clip]) -> str:
    """A hash of all that is known of clips before they are decoded, with size and time of their files."""
    hashed = hashlib.sha256()
    for clip in clips:
        audio = clip.audio
        if isinstance(audio, Path):
            stat = audio.stat() if audio.is_file() and can_decode(audio) else None
            audio = stat and (stat.st_size, stat.st_mtime_ns)
        elif isinstance(audio, bytes):
            audio = hashlib.sha256(audio).hexdigest()
        known = clip.name, clip.label, clip.fold, clip.split, clip.captions, clip.recording, clip.start_s, audio
        hashed.update(repr(known).encode())
    return hashed.hexdigest()


logger = logging.getLogger(__name__)
FORMAT = 2  # of the file and of how clips are decoded; another one makes new files


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

    def __reduce__(self):
        """Other processes map the file again: what is mapped would be pickled whole."""
        file = getattr(self.raw, "filename", None)
        if file is None:
            return super().__reduce__()
        return _open, (file, self.clips, self.skipped, self.sha256)

    def __post_init__(self):
        self.labels = [clip.label for clip in self.clips]
        self.classes = sorted({label for label in self.labels if label})
        self.by_class = {label: np.flatnonzero(np.array(self.labels) == label) for label in self.classes}


def build_bank(clips: list[Clip], drawn: Callable[[ClipBank], set[int]] | None = None) -> ClipBank:
    """Decode clips on all cores, or take them from the file of an earlier time; faulty ones are skipped and named.

    The file, 1 MB per labelled and 1.4 MB per captioned clip, lies in [`assets_folder`] under a hash of the clips, and
    is checked by its own hash: a damaged one is made again.

    Args:
        drawn: which clips of a bank are going to be used. Generated clips cannot be faulty, so that this can be said
            before they are made; if it is less than half of them, the others are not.

    Raises:
        ValueError: there are not two usable clips (of different classes, where they have classes).
        OSError: the disk is full, or the system refuses to read a clip.
    """
    if drawn and all(clip.is_generated for clip in clips):
        few = drawn(ClipBank(clips, {}, {}, {}, ""))
        if 2 * len(few) < len(clips):
            return _bank_of_few(clips, sorted(few))
    file = assets_folder("banks") / f"{digest(clips)[:32]}-{FORMAT}.f16"
    about = _read(file, clips) or _decode(clips, file)
    skipped = about["skipped"]
    for name, reason in skipped.items():
        logger.warning("skipped %s: %s", name, reason)
    if skipped:
        logger.warning("skipped %d of %d clips", len(skipped), len(clips))
    kept = [clip for clip in clips if clip.name not in skipped]
    if len({clip.label or clip.name for clip in kept}) < 2:
        raise ValueError(f"{len(kept)} of {len(clips)} clips are usable; scenes need at least two classes")
    content = [(clip.name, clip.label, clip.captions) for clip in kept], about["sha256"]
    sha256 = hashlib.sha256(repr(content).encode()).hexdigest()
    return _open(file, kept, skipped, sha256)


def _open(file: Path, clips: list[Clip], skipped: dict[str, str], sha256: str) -> ClipBank:
    sounds = np.memmap(file, np.float16, "r").reshape(len(clips), -1)
    return ClipBank(clips, sounds[:, :-EVENT_SAMPLES], sounds[:, -EVENT_SAMPLES:], skipped, sha256)


def _bank_of_few(clips: list[Clip], few: list[int]) -> ClipBank:
    """A bank in memory with the sounds of some of its generated clips."""
    with ThreadPoolExecutor() as pool:
        made = tqdm(pool.map(_sounds, [clips[index] for index in few]), total=len(few), desc="decode", unit="clip")
        sounds = dict(zip(few, made, strict=True))
    sha256 = hashlib.sha256(repr([(clips[index].name, sounds[index].tobytes()) for index in few]).encode()).hexdigest()
    raw = {index: sound[:-EVENT_SAMPLES] for index, sound in sounds.items()}
    loops = {index: sound[-EVENT_SAMPLES:] for index, sound in sounds.items()}
    return ClipBank(clips, raw, loops, {}, sha256)


def _read(file: Path, clips: list[Clip]) -> dict | None:
    """What is known of a whole file: `skipped` and `sha256`."""
    about = file.with_suffix(".json")
    if not (file.is_file() and about.is_file()):
        return None
    known = read_json(about) or {}
    skipped = known.get("skipped")
    n_kept = len(clips) - len(skipped) if isinstance(skipped, dict) else 0
    one = 2 * (EVENT_SAMPLES + _raw_samples(clips[0]))
    if file.stat().st_size == n_kept * one and file_sha256(file) == known.get("sha256"):
        return known
    logger.warning("%s or its .json is damaged: decoded again", file)
    return None


def _raw_samples(clip: Clip) -> int:
    return EVENT_SAMPLES if clip.label else SCENE_SAMPLES


def _decode(clips: list[Clip], file: Path) -> dict:
    skipped, hashed = {}, hashlib.sha256()

    def write(beside: Path) -> None:
        with ThreadPoolExecutor() as pool, open(beside, "wb") as out, closing(pool.map(_sounds, clips)) as decoded:
            bar = tqdm(decoded, total=len(clips), desc="decode", unit="clip")
            for clip, sounds in zip(clips, bar, strict=True):
                if isinstance(sounds, str):
                    skipped[clip.name] = sounds
                    continue
                content = sounds.tobytes()
                hashed.update(content)
                out.write(content)

    write_whole(file, write)
    known = {"skipped": skipped, "sha256": hashed.hexdigest()}
    write_json(file.with_suffix(".json"), known)
    return known


def _sounds(clip: Clip) -> np.ndarray | str:
    """(samples,) fp16, the clip and its loop one after the other, or the reason why it cannot be used."""
    try:
        waveform = read_clip(clip)
    except ValueError as error:
        return str(error)
    raw = np.zeros(_raw_samples(clip), np.float16)
    raw[: len(waveform)] = waveform[: len(raw)]
    if not raw.any():
        return f"silent in its first {len(raw) / SAMPLING_RATE:g} s"
    return np.concatenate([raw, event_loop(waveform).astype(np.float16)])
