"""A folder of audio to one file of embeddings."""

import os
import re
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch

import teminal.cli
from eval import embed
from teminal.audio import read_audio
from teminal.evaluation import embed as embedding
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import embed_waveforms
from teminal.evaluation.embeddings import PART_SIZE

from ..conftest import run_cli

SOUND = ["0.wav", "1.wav", "2.wav", "3.wav", "5.wav", "more/4.wav"]


@pytest.fixture(scope="module")
def job(tiny_clap, tmp_path_factory):
    """A saved model and a folder of audio of several rates, lengths and channels, some of it faulty."""
    root = tmp_path_factory.mktemp("embed")
    for part in tiny_clap:
        part.save_pretrained(root / "model")
    (root / "audio" / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(6):
        rate, seconds = [(48_000, 5), (8_000, 3), (44_100, 25)][index % 3]
        waveform = 0.1 * rng.standard_normal((rate * seconds, 1 + index % 2))
        soundfile.write(root / "audio" / ("more" if index == 4 else ".") / f"{index}.wav", waveform, rate)
    (root / "audio" / "broken.wav").write_bytes(b"RIFF no audio")
    soundfile.write(root / "audio" / "empty.wav", np.zeros(0), 48_000)
    soundfile.write(root / "audio" / "huge.wav", np.full(100, 1e20), 48_000, subtype="FLOAT")
    (root / "audio" / "link.wav").symlink_to("nowhere.wav")
    return root


def flags(job, output_file, others=()):
    named = {
        "model_name_or_path": job / "model",
        "audio_dir": job / "audio",
        "output_file": output_file,
        "per_device_eval_batch_size": 2,
        **dict(others),
    }
    return [text for name, value in named.items() for text in (f"--{name}", str(value))]


def read_embeddings(file):
    table = pq.read_table(file)
    return table["path"].to_pylist(), np.array(table["embedding"].to_pylist(), np.float32)


def test_files_to_parquet_and_numpy(job, tmp_path, capsys):
    embed.main(flags(job, tmp_path / "out.parquet"))
    out, err = capsys.readouterr()
    assert "6 embeddings" in out
    assert "4 files skipped" in out
    assert "skipped broken.wav: unreadable audio" in err
    assert "skipped empty.wav: empty audio" in err
    assert "skipped huge.wav: samples far outside [-1, 1]" in err
    assert "skipped link.wav: missing file" in err
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    paths, embeds = read_embeddings(tmp_path / "out.parquet")
    assert paths == SOUND
    waveforms = [read_audio(job / "audio" / path) for path in paths]
    expected = embed_waveforms(*load_clap(str(job / "model")), waveforms, 48_000)
    assert np.abs(embeds - expected).max() <= 1e-5

    teminal.cli.main(["embed", *flags(job, tmp_path / "out.npz")])
    arrays = np.load(tmp_path / "out.npz")
    assert arrays["path"].tolist() == paths
    assert np.array_equal(arrays["embedding"], embeds)


def test_interrupted_work_goes_on_where_it_stopped(job, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PART_SIZE, "audio", 2)
    embed.main(flags(job, tmp_path / "whole.parquet"))
    read, seen = embedding.load_file, []

    def read_until_interrupted(path):
        seen.append(path.name)
        if path.name == "3.wav" and seen.count("3.wav") == 1:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(embedding, "load_file", read_until_interrupted)
    with pytest.raises(SystemExit):
        embed.main(flags(job, tmp_path / "out.parquet"))
    assert "embed.py: interrupted; run the same command again to continue" in capsys.readouterr().err
    assert not (tmp_path / "out.parquet").exists()
    embed.main(flags(job, tmp_path / "out.parquet"))
    assert (seen.count("0.wav"), seen.count("3.wav")) == (1, 2)
    assert pq.read_table(tmp_path / "out.parquet").equals(pq.read_table(tmp_path / "whole.parquet"))


def test_a_file_that_has_changed_is_embedded_again(tmp_path):
    link, own = tmp_path / "link.wav", tmp_path / "own.wav"
    link.symlink_to(own)
    keys = [embedding._key(link)]
    for n_samples in (10, 20):
        soundfile.write(own, np.ones(n_samples), 48_000)
        keys.append(embedding._key(link))
    os.utime(own, (1, 1))
    keys.append(embedding._key(link))
    assert len(set(keys)) == 4
    assert embedding._key(link) == keys[-1]


def test_two_processes_give_what_one_gives(job, tmp_path):
    code = """
import os
from eval import embed as command
from teminal.evaluation import embed, embeddings

def logged(path):
    os.write(1, f"rank {os.environ['RANK']} {path.name}\\n".encode())
    return read(path)

embeddings.PART_SIZE["audio"], read, embed.load_file = 2, embed.load_file, logged
command.main()
"""
    (tmp_path / "small_parts.py").write_text(code)
    result = run_cli(tmp_path / "small_parts.py", *flags(job, tmp_path / "two.parquet"), n_processes=2)
    assert result.returncode == 0, result.stderr
    shares = [set(re.findall(rf"rank {rank} (\S+)", result.stdout)) for rank in (0, 1)]
    assert len(shares[0] | shares[1]) == 10
    assert not shares[0] & shares[1]
    assert "skipped broken.wav" in result.stderr
    embed.main(flags(job, tmp_path / "one.parquet"))
    two, one = (read_embeddings(tmp_path / name) for name in ("two.parquet", "one.parquet"))
    assert two[0] == one[0]
    assert np.abs(two[1] - one[1]).max() <= 1e-6


def test_the_installed_command_names_itself_and_its_extra(job, tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match="usage: teminal embed"):
        teminal.cli.main([])
    with pytest.raises(SystemExit, match=r"^teminal: error: --audio_dir nowhere: no such folder"):
        teminal.cli.main(["embed", *flags(job, tmp_path / "out.npz", {"audio_dir": "nowhere"})])
    monkeypatch.setitem(sys.modules, "teminal.evaluation.embed", None)
    with pytest.raises(SystemExit, match=r"^teminal: error: .*pip install 'teminal\[eval\]'"):
        teminal.cli.main(["embed", *flags(job, tmp_path / "out.npz")])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("output_file", "out.csv", "end it in .parquet or .npz"),
        ("audio_dir", "nowhere", "no such folder"),
        ("model_name_or_path", "./nowhere", "no such folder"),
        ("output_file", "README.md/out.npz", "cannot be written"),
        ("audio_dir", "tests", "no audio in it"),
        ("model_name_or_path", "configs", "config.json"),
        ("per_device_eval_batch_size", "0", "at least 1"),
    ],
)
def test_bad_options_are_named(job, tmp_path, name, value, message):
    with pytest.raises(SystemExit, match=rf"--{name} {value}.*{message}"):
        embed.main(flags(job, tmp_path / "out.npz", {name: value}))


def test_a_folder_without_sound_files_is_named(job, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF no audio")
    with pytest.raises(SystemExit, match=rf"--audio_dir {tmp_path}: none of 1 files can be read"):
        embed.main(flags(job, tmp_path / "out.npz", {"audio_dir": tmp_path}))


def test_the_public_functions_take_files_and_arrays(job):
    model = teminal.load(str(job / "model"), batch_size=2)
    files = [job / "audio" / "0.wav", str(job / "audio" / "2.wav")]
    embeds = teminal.embed_audio(model, files)
    waveforms = [read_audio(job / "audio" / name) for name in ("0.wav", "2.wav")]
    assert np.array_equal(embeds, teminal.embed_audio(model, waveforms, 48_000))
    assert np.abs(teminal.embed_audio(model, files[1])[0] - embeds[1]).max() <= 1e-6
    assert np.abs(teminal.embed_audio(model, waveforms[0], 48_000)[0] - embeds[0]).max() <= 1e-6
    several = [np.ones(100, np.float32), torch.randn(3, 48_000 * 12)[0], np.zeros((2, 999), np.int16)]
    embeds = teminal.embed_audio(model, several, 48_000)
    assert np.abs(np.linalg.norm(embeds, axis=1) - 1).max() <= 1e-5
    assert teminal.embed_text(model, "a dog").shape == (1, 32)
    assert np.array_equal(teminal.embed_text(model, ["a dog"]), model.embed_text(["a dog"]))
    for audio, message in (
        ([job / "audio" / "broken.wav"], r"broken\.wav: unreadable audio"),
        (several, "their sampling_rate"),
        ([], "no clip"),
    ):
        with pytest.raises(ValueError, match=message):
            teminal.embed_audio(model, audio)
    with pytest.raises(ValueError, match="model_type='clip'"):
        teminal.load("x", "clip")
