"""The audios that ZSTE asks about, rendered from the clips of a bank."""

import hashlib
import inspect
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from teminal import rendering as compose
from teminal.clips import ClipBank
from teminal.rendering import EVENT_S, EVENT_SAMPLES, render_group


@dataclass(frozen=True, order=True)
class AudioSpec:
    """What to render: `clips` index the bank, `kind` is "clip" (as recorded), "onset" (in silence) or a variant.

    Sorted, the audios of one composition group are side by side.
    """

    clips: tuple[int, ...]
    snr_db: float = 0.0
    kind: str = "clip"
    onset_s: float = 0.0


def render(bank: ClipBank, specs: list[AudioSpec]) -> Iterator[np.ndarray]:
    """Waveform (samples,) fp32 of each audio: 5 s as recorded for "clip", 10 s else.

    Variants of one composition group that are side by side are composed once.
    """
    for (clips, snr_db), group in itertools.groupby(specs, key=lambda spec: (spec.clips, spec.snr_db)):
        if len(clips) == 1:
            clip = bank.raw[clips[0]].astype(np.float32)
            yield from (clip if spec.kind == "clip" else in_silence(clip, spec.onset_s) for spec in group)
        else:
            variants = render_group(*(bank.loops[clip].astype(np.float32) for clip in clips), snr_db=snr_db)
            yield from (variants[spec.kind] for spec in group)


def in_silence(clip, onset_s):
    onset = int(onset_s / EVENT_S * EVENT_SAMPLES)
    return np.pad(clip, (onset, EVENT_SAMPLES - onset))


class BankAudio:
    """The audios of a bank's scenes; what may make them hard is the level of overlays."""

    hard_task, hardness = "2B", "level difference of the two sounds (dB)"

    def __init__(self, bank: ClipBank):
        self.bank = bank

    def keys(self, specs: list[AudioSpec]) -> list[str]:
        """A hash of what each is rendered of, and by which code."""
        sources = inspect.getsource(compose) + inspect.getsource(sys.modules[__name__])
        code, sounds = hashlib.sha256(sources.encode()).hexdigest(), {}
        for clip in {clip for spec in specs for clip in spec.clips}:
            sounds[clip] = hashlib.sha256(self.bank.raw[clip].tobytes() + self.bank.loops[clip].tobytes()).hexdigest()
        about = [([sounds[clip] for clip in spec.clips], spec.snr_db, spec.kind, spec.onset_s) for spec in specs]
        return [hashlib.sha256(repr((code, *one)).encode()).hexdigest() for one in about]

    def read(self, specs: list[AudioSpec]) -> Iterator[np.ndarray]:
        return render(self.bank, specs)

    def how_hard(self, spec: AudioSpec) -> float:
        return abs(spec.snr_db)
