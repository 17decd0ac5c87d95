"""Evaluations with known answers: audio of two tones one after the other, and a model that hears and reads them."""

import csv
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import soundfile

from teminal.audio import read_audio
from teminal.evaluation import models
from teminal.evaluation.windows import LongFile
from teminal.sources.clotho import CAPTIONS

STEP_HZ = 400
N_TONES = 8


def write_tones(path: Path, first: int, second: int | None = None, seconds: float = 1.0) -> Path:
    """Tone `first`, 1 to `N_TONES`, then `second` or the same again, in noise that differs from file to file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(int(seconds / 2 * 16_000)) / 16_000
    halves = [0.3 * np.sin(2 * np.pi * STEP_HZ * tone * t) for tone in (first, second or first)]
    waveform = np.concatenate(halves)
    noise = np.random.default_rng(list(path.name.encode())).standard_normal(len(waveform))
    soundfile.write(path, waveform + 1e-3 * noise, 16_000)
    return path


class ToneModel:
    """Hears both tones and reads the first two numbers of a caption; `hears_order` tells which comes first."""

    def __init__(self, name: str, batch_size: int):
        self.hears_order = "deaf" not in name
        self.identity = self.fingerprint = hashlib.sha256(name.encode()).hexdigest()

    def embed_audio(self, waveforms, sampling_rate):
        heard = (read_audio(clip.path) if isinstance(clip, LongFile) else clip for clip in waveforms)
        return np.stack([self._embed(map(_tone, np.array_split(waveform, 2))) for waveform in heard])

    def embed_text(self, captions):
        numbers = [[int(number) for number in re.findall(r"\d+", caption)][:2] or [1] for caption in captions]
        return np.stack([self._embed(found if len(found) == 2 else found * 2) for found in numbers])

    def _embed(self, tones):
        halves = np.eye(N_TONES, dtype=np.float32)[[tone - 1 for tone in tones]]
        embed = halves.ravel() if self.hears_order else halves.sum(0)
        return embed / np.linalg.norm(embed)


def _tone(waveform):
    spectrum = np.abs(np.fft.rfft(waveform))
    return int(np.clip(round(spectrum.argmax() * 48_000 / len(waveform) / STEP_HZ), 1, N_TONES))


def evaluate(monkeypatch, main, tmp_path, *arguments, hears_tones=True) -> dict:
    """What a script writes as JSON, of models of `ToneModel` or of real ones."""
    output = tmp_path / "out.json"
    if hears_tones:
        monkeypatch.setitem(models.MODEL_TYPES, "clap", ToneModel)
        arguments = ("--model_name_or_path", "tones", "deaf", *arguments)
    arguments = (*arguments, "--cache_dir", tmp_path / "cache", "--output_json", output)
    main([str(argument) for argument in arguments])
    return json.loads(output.read_text())


def save_clap(tiny_clap, folder: Path) -> Path:
    for part in tiny_clap:
        part.save_pretrained(folder)
    return folder


def write_clotho(folder: Path) -> Path:
    """Clotho's table of six recordings, one of them missing and one damaged."""
    folder.mkdir()
    with open(folder / "clotho_captions_evaluation.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", *CAPTIONS])
        for tone in range(1, 7):
            writer.writerow([f"clip {tone}.wav", *(f"tone {tone}, said {i} times" for i in "abcde")])
    for tone in range(1, 6):
        write_tones(folder / "evaluation" / f"clip {tone}.wav", tone, seconds=tone)
    (folder / "evaluation" / "clip 5.wav").write_bytes(b"RIFF")
    return folder


def of_clotho(folder: Path | str) -> tuple:
    return ("--source", "clotho", "--captions_dir", folder, "--audio_dir", folder)
