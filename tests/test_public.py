"""The public functions of the package."""

from pathlib import Path

import numpy as np
import pytest
import torch

import teminal
from teminal.audio import read_audio

from .tones import save_clap, write_tones


def test_the_public_functions_take_files_and_arrays(tiny_clap, tmp_path):
    model = teminal.load(str(save_clap(tiny_clap, tmp_path / "model")), batch_size=2)
    files = [write_tones(tmp_path / "0.wav", 1, 2), str(write_tones(tmp_path / "2.wav", 3, seconds=25))]
    (tmp_path / "broken.wav").write_bytes(b"RIFF no audio")
    embeds = teminal.embed_audio(model, files)
    waveforms = [read_audio(Path(file)) for file in files]
    assert np.array_equal(embeds, teminal.embed_audio(model, waveforms, 48_000))
    assert np.abs(teminal.embed_audio(model, files[1])[0] - embeds[1]).max() <= 1e-6
    assert np.abs(teminal.embed_audio(model, waveforms[0], 48_000)[0] - embeds[0]).max() <= 1e-6
    several = [np.ones(100, np.float32), torch.randn(3, 48_000 * 12)[0], np.zeros((2, 999), np.int16)]
    embeds = teminal.embed_audio(model, several, 48_000)
    assert np.abs(np.linalg.norm(embeds, axis=1) - 1).max() <= 1e-5
    assert teminal.embed_text(model, "a dog").shape == (1, 32)
    assert np.array_equal(teminal.embed_text(model, ["a dog"]), model.embed_text(["a dog"]))
    for audio, message in (
        ([tmp_path / "broken.wav"], r"broken\.wav: unreadable audio"),
        (several, "their sampling_rate"),
        ([], "no clip"),
    ):
        with pytest.raises(ValueError, match=message):
            teminal.embed_audio(model, audio)
    with pytest.raises(ValueError, match="model_type='clip'"):
        teminal.load("x", "clip")
