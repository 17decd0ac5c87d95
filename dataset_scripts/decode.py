"""Audio files of any rate and channel count -> mono at 48 kHz."""

import io
import math
from pathlib import Path

import numpy as np
import soundfile
import soxr

from dataset_scripts.compose import SAMPLING_RATE

AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".opus")
LOUDEST = 1e4  # beyond it a float file holds something else than audio


def read_audio(audio: Path | bytes, min_duration_s: float = 0.0, max_duration_s: float = math.inf) -> np.ndarray:
    """Decode the file at a path, or its bytes: (samples,) fp32 mono at 48 kHz, in [-1, 1]; of longer audio the first
    `max_duration_s`.

    Raises:
        ValueError: the audio is missing, unreadable, empty, not finite, no audio at all by its values or shorter than
            `min_duration_s`; the message is the reason alone.
    """
    if isinstance(audio, Path) and not audio.is_file():
        raise ValueError("missing file")
    try:
        file = io.BytesIO(audio) if isinstance(audio, bytes) else audio
        with soundfile.SoundFile(file) as sound:
            sampling_rate = sound.samplerate
            n_frames = -1 if max_duration_s == math.inf else int(max_duration_s * sampling_rate)
            waveform = sound.read(n_frames, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, MemoryError) as error:
        raise ValueError("unreadable audio") from error
    if round(len(waveform) * SAMPLING_RATE / sampling_rate) == 0:
        raise ValueError("empty audio")
    if not np.isfinite(waveform).all():
        raise ValueError("samples that are not finite")
    if len(waveform) < min_duration_s * sampling_rate:
        raise ValueError("truncated audio")
    if np.abs(waveform).max() > LOUDEST:
        raise ValueError("samples far outside [-1, 1]")
    waveform = waveform.mean(1)
    return waveform if sampling_rate == SAMPLING_RATE else soxr.resample(waveform, sampling_rate, SAMPLING_RATE)


def audio_files(folder: Path) -> dict[str, Path]:
    """Name without suffix -> audio file, in the folder and below; a "Y" before a YouTube id may go."""
    found = {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix.lower() in AUDIO_SUFFIXES}
    return {stem[1:]: path for stem, path in found.items() if len(stem) == 12 and stem[0] == "Y"} | found
