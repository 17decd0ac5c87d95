"""Clips decoded once into memory, ready to be composed."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dataset_scripts.clips import Clip, read_clip
from dataset_scripts.compose import EVENT_S, EVENT_SAMPLES, event_loop

logger = logging.getLogger(__name__)


@dataclass
class ClipBank:
    """Decoded clips: `raw[i]` is clip i as recorded, `loops[i]` its event loop, both fp16 to halve the memory.

    `raw` is cut or zero-padded to 5 s. `skipped` maps a clip's name to the reason why it is not here.
    """

    clips: list[Clip]
    raw: np.ndarray
    loops: np.ndarray
    skipped: dict[str, str]

    def __post_init__(self):
        self.labels = [clip.label for clip in self.clips]
        self.classes = sorted(set(self.labels))
        self.by_class = {label: np.flatnonzero(np.array(self.labels) == label) for label in self.classes}


def build_bank(clips: list[Clip]) -> ClipBank:
    """Decode and prepare clips on all cores; faulty ones are skipped, named and counted."""

    def prepare(clip):
        try:
            waveform = read_clip(clip)
        except ValueError as error:
            return str(error)
        raw = np.zeros(EVENT_SAMPLES, dtype=np.float16)
        raw[: len(waveform)] = waveform[:EVENT_SAMPLES]
        if not raw.any():
            return f"silent in its first {EVENT_S:g} s"
        return raw, event_loop(waveform).astype(np.float16)

    with ThreadPoolExecutor() as pool:
        prepared = list(pool.map(prepare, clips))
    skipped = {clip.name: item for clip, item in zip(clips, prepared, strict=True) if isinstance(item, str)}
    for name, reason in skipped.items():
        logger.warning("skipped %s: %s", name, reason)
    if skipped:
        logger.warning("skipped %d of %d clips", len(skipped), len(clips))
    kept = [i for i, item in enumerate(prepared) if not isinstance(item, str)]
    if len({clips[i].label for i in kept}) < 2:
        raise ValueError(f"{len(kept)} of {len(clips)} clips are usable; scenes need at least two classes")
    raw, loops = (np.stack(arrays) for arrays in zip(*(prepared[i] for i in kept), strict=True))
    return ClipBank([clips[i] for i in kept], raw, loops, skipped)
