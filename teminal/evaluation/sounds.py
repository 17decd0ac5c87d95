"""Clips in native length, as models of any library take them."""

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from accelerate import PartialState
from accelerate.utils import gather_object
from tqdm.auto import tqdm

from teminal.clips import MAX_DURATION_S, Clip, read_clip
from teminal.evaluation.embeddings import Embedder, cosine_scores
from teminal.evaluation.models import AudioTextModel
from teminal.evaluation.windows import in_batches
from teminal.files import file_sha256
from teminal.rendering import SAMPLING_RATE

READ_AS = f"mono, {SAMPLING_RATE} Hz, at most {MAX_DURATION_S} s"
READ_AHEAD = 16  # clips that wait, decoded, to be embedded
N_NAMED = 10  # skipped clips that are named on the terminal

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sounds:
    """Clips that can be read, and the key of each one's audio: a hash of its file and of how it is read.

    `skipped` maps the names of the others to the reason.
    """

    clips: list[Clip]
    keys: list[str]
    skipped: dict[str, str]

    def read(self, rows: list[int]) -> Iterator[np.ndarray]:
        """Waveforms (samples,) fp32 mono at 48 kHz, decoded on all cores."""
        with ThreadPoolExecutor() as pool:
            for some in in_batches(rows, READ_AHEAD):
                yield from pool.map(read_clip, [self.clips[row] for row in some])


def check_sounds(clips: list[Clip]) -> Sounds:
    """Decode every clip once to see that it can be read; faulty and missing ones are named. Processes share the work.

    Raises:
        ValueError: not one clip can be read.
    """
    state = PartialState()
    mine = clips[state.process_index :: state.num_processes]
    with ThreadPoolExecutor() as pool:
        bar = tqdm(pool.map(_check, mine), desc="read", total=len(mine), disable=not state.is_main_process)
        found = dict(gather_object(list(zip((clip.name for clip in mine), bar, strict=True))))
    skipped = {clip.name: found[clip.name][1] for clip in clips if found[clip.name][1]}
    if state.is_main_process:
        for name, reason in list(skipped.items())[:N_NAMED]:
            logger.warning("skipped %s: %s", name, reason)
        if len(skipped) > N_NAMED:
            logger.warning("and %d more; --output_json names them all", len(skipped) - N_NAMED)
    kept = [clip for clip in clips if clip.name not in skipped]
    if not kept:
        name, reason = next(iter(skipped.items()))
        raise ValueError(f"none of {len(clips)} clips can be read, {name} for one: {reason}")
    return Sounds(kept, [found[clip.name][0] for clip in kept], skipped)


def _check(clip: Clip) -> tuple[str, str]:
    """The clip's key and what is wrong with it, one of them ""."""
    if clip.is_generated:  # never faulty
        content = repr(clip.audio)
    else:
        try:
            read_clip(clip)
        except ValueError as error:
            return "", str(error)
        content = hashlib.sha256(clip.audio).hexdigest() if isinstance(clip.audio, bytes) else file_sha256(clip.audio)
    return hashlib.sha256(f"{content} {READ_AS}".encode()).hexdigest(), ""


def scores(model: AudioTextModel, sounds: Sounds, captions: list[str], cache_dir: str | None = None) -> np.ndarray:
    """Cosine of each clip with each caption, (clips, captions) fp32."""
    embedder = Embedder(model, cache_dir)
    return cosine_scores(embedder.audio(sounds.keys, sounds.read, SAMPLING_RATE), embedder.text(captions))
