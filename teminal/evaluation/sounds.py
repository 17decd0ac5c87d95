"""Check which clips of an evaluation can be read, and read them in full length."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import PartialState
from accelerate.utils import gather_object
from tqdm.auto import tqdm

from teminal.clips import MAX_DURATION_S, Clip, read_clip
from teminal.evaluation.windows import read_ahead
from teminal.files import file_sha256
from teminal.rendering import SAMPLING_RATE

READ_AS = f"mono, {SAMPLING_RATE} Hz, at most {MAX_DURATION_S} s"
N_NAMED = 10  # skipped clips named on the terminal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadableClips:
    """Readable clips, a hash of each one's audio and of how it is read, and name -> reason of the others."""

    clips: list[Clip]
    keys: list[str]
    skipped: dict[str, str]

    def read(self, rows: list[int]) -> Iterator[np.ndarray]:
        """Decode clips in threads: (samples,) fp32 mono at 48 kHz."""
        return read_ahead(read_clip, [self.clips[row] for row in rows])


def check_sounds(clips: list[Clip]) -> ReadableClips:
    """Decode every clip once to check it, and log which are skipped; processes share the work.

    Raises:
        ValueError: no clip can be read.
    """
    state = PartialState()
    mine = clips[state.process_index :: state.num_processes]
    bar = tqdm(read_ahead(_check, mine), desc="read", total=len(mine), disable=not state.is_main_process)
    keys, reasons = {}, {}
    for name, key, reason in gather_object([(clip.name, *found) for clip, found in zip(mine, bar, strict=True)]):
        keys[name], reasons[name] = key, reason
    skipped = {clip.name: reasons[clip.name] for clip in clips if reasons[clip.name]}
    if state.is_main_process:
        for name, reason in list(skipped.items())[:N_NAMED]:
            logger.warning("skipped %s: %s", name, reason)
        if len(skipped) > N_NAMED:
            logger.warning("and %d more; --output_json names them all", len(skipped) - N_NAMED)
    kept = [clip for clip in clips if clip.name not in skipped]
    if not kept:
        name, reason = next(iter(skipped.items()))
        raise ValueError(f"none of {len(clips)} clips can be read, {name} for one: {reason}")
    return ReadableClips(kept, [keys[clip.name] for clip in kept], skipped)


def _check(clip: Clip) -> tuple[str, str]:
    """Decode a clip; return its key and "", or "" and what is wrong with it."""
    audio = clip.audio
    if not clip.is_generated:  # generated clips are never faulty
        try:
            read_clip(clip)
        except ValueError as error:
            return "", str(error)
    if isinstance(audio, Path):
        content = file_sha256(audio)
    else:
        content = hashlib.sha256(audio).hexdigest() if isinstance(audio, bytes) else repr(audio)
    return hashlib.sha256(f"{content} {READ_AS}".encode()).hexdigest(), ""
