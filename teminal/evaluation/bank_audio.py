"""Render compositions of a bank for evaluations, and hash them for the cache of embeddings."""

import hashlib
import inspect
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from teminal import event_loops, rendering
from teminal.clips import ClipBank
from teminal.scenes import Composition


class BankAudio:
    """Audio of a bank's compositions; scenes may be hard because of the levels of overlaid sounds."""

    difficulty_task, difficulty_label = "2B", "level difference of the two sounds (dB)"

    def __init__(self, bank: ClipBank):
        self.bank = bank

    def keys(self, compositions: list[Composition]) -> list[str]:
        """Hash the clips of each composition, and the code that renders it."""
        code, sounds = inspect.getsource(rendering) + inspect.getsource(event_loops), {}
        for clip in {clip for composition in compositions for clip in composition.all_clips}:
            sounds[clip] = hashlib.sha256(self.bank.raw[clip].tobytes() + self.bank.loops[clip].tobytes()).hexdigest()
        keys = []
        for composition in compositions:
            how = (replace(composition, clips=(), background=()), len(composition.clips))
            of = [sounds[clip] for clip in composition.all_clips]
            keys.append(hashlib.sha256(repr((code, of, how)).encode()).hexdigest())
        return keys

    def read(self, compositions: list[Composition]) -> Iterator[np.ndarray]:
        """Render the waveform of each composition."""
        return rendering.render(compositions, self.bank.loops, self.bank.raw)

    def difficulty(self, composition: Composition) -> float:
        """Get the level difference of the two sounds, dB."""
        return abs(composition.snr_db)
