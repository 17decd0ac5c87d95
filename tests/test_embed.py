import os
import re
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch

from eval import embed
from teminal.audio import read_audio
from teminal.evaluation import embed_job
from teminal.evaluation.clap import embed_waveforms, load_clap

from .conftest import run_cli, run_here


@pytest.fixture(scope="module")
def job(tiny_clap, tmp_path_factory):
    """A saved model and a folder of audio of several rates, lengths and channels, two files of it faulty."""
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


def command(job, output_file):
    names = {"--model_name_or_path": job / "model", "--audio_dir": job / "audio", "--output_file": output_file}
    return ["eval/embed.py", *(item for pair in names.items() for item in pair), "--per_device_eval_batch_size", 2]


def test_files_to_parquet_and_numpy(job, tmp_path):
    result = run_here(*command(job, tmp_path / "out.parquet"))
    assert result.returncode == 0, result.stderr
    assert "6 embeddings" in result.stdout
    assert "4 files skipped" in result.stdout
    assert "skipped broken.wav: unreadable audio" in result.stderr
    assert "skipped empty.wav: empty audio" in result.stderr
    assert "skipped huge.wav: samples far outside [-1, 1]" in result.stderr
    assert "skipped link.wav: missing file" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["path"].to_pylist() == ["0.wav", "1.wav", "2.wav", "3.wav", "5.wav", "more/4.wav"]

    model, processor = load_clap(str(job / "model"))
    for path, embedding in zip(table["path"].to_pylist(), table["embedding"].to_pylist(), strict=True):
        expected = embed_waveforms(model, processor, [read_audio(job / "audio" / path)], progress=False)[0]
        assert np.abs(np.array(embedding) - expected).max() <= 1e-5

    assert run_here(*command(job, tmp_path / "out.npz")).returncode == 0
    arrays = np.load(tmp_path / "out.npz")
    assert arrays["path"].tolist() == table["path"].to_pylist()
    assert np.array_equal(arrays["embedding"], np.array(table["embedding"].to_pylist(), np.float32))


def run_main(job, output_file, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(item) for item in command(job, output_file)])
    embed.main()


def test_interrupted_work_goes_on_where_it_stopped(job, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(embed_job, "PART_SIZE", 2)
    run_main(job, tmp_path / "whole.parquet", monkeypatch)
    read, seen = embed_job.read_or_reason, []

    def read_until_interrupted(path, sampling_rate):
        seen.append(path.name)
        if path.name == "3.wav" and seen.count("3.wav") == 1:
            raise KeyboardInterrupt
        return read(path, sampling_rate)

    monkeypatch.setattr(embed_job, "read_or_reason", read_until_interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_main(job, tmp_path / "out.parquet", monkeypatch)
    assert not (tmp_path / "out.parquet").exists()
    run_main(job, tmp_path / "out.parquet", monkeypatch)
    assert (seen.count("0.wav"), seen.count("3.wav")) == (1, 2)
    assert pq.read_table(tmp_path / "out.parquet").equals(pq.read_table(tmp_path / "whole.parquet"))


def test_parts_of_another_job_are_not_taken_over(job, tmp_path):
    model, processor = load_clap(str(job / "model"))
    job_of = (job / "audio", tmp_path / "out.npz", ["0.wav", "1.wav"], 2, model, processor)
    folders = [embed_job.job_folder(*job_of) for _ in range(2)]
    assert folders[0] == folders[1]
    os.utime(job / "audio" / "0.wav")
    folders.append(embed_job.job_folder(*job_of))
    with torch.no_grad():
        model.logit_scale_a.add_(1)
    folders.append(embed_job.job_folder(*job_of))
    processor.feature_extractor.padding = "pad"
    folders.append(embed_job.job_folder(*job_of))
    assert len(set(folders)) == 4


def test_parts_of_a_link_are_those_of_what_it_leads_to(job, tmp_path):
    (tmp_path / "linked.wav").symlink_to(tmp_path / "own.wav")
    folders = []
    for n_samples in (None, 10, 20):  # leading nowhere, to a file, to another
        if n_samples:
            soundfile.write(tmp_path / "own.wav", np.ones(n_samples), 48_000)
        files = tmp_path, tmp_path / "out.npz", ["linked.wav"]
        folders.append(embed_job.job_folder(*files, 2, *load_clap(str(job / "model"))))
    assert len(set(folders)) == 3


def test_two_processes_give_what_one_gives(job, tmp_path):
    code = """
import os
from teminal.evaluation import embed_job
from eval import embed

def logged(path, sampling_rate):
    os.write(1, f"rank {os.environ['RANK']} {path.name}\\n".encode())
    return read(path, sampling_rate)

embed_job.PART_SIZE, read, embed_job.read_or_reason = 2, embed_job.read_or_reason, logged
embed.main()
"""
    (tmp_path / "small_parts.py").write_text(code)
    arguments = [str(item) for item in command(job, tmp_path / "two.parquet")[1:]]
    result = run_cli(tmp_path / "small_parts.py", *arguments, n_processes=2)
    assert result.returncode == 0, result.stderr
    shares = [set(re.findall(rf"rank {rank} (\S+)", result.stdout)) for rank in (0, 1)]
    assert len(shares[0] | shares[1]) == 10
    assert not shares[0] & shares[1]
    assert run_here(*command(job, tmp_path / "one.parquet")).returncode == 0
    two, one = (pq.read_table(tmp_path / name) for name in ("two.parquet", "one.parquet"))
    assert two["path"].equals(one["path"])
    difference = np.array(two["embedding"].to_pylist()) - np.array(one["embedding"].to_pylist())
    assert np.abs(difference).max() <= 1e-6


def test_arrays_of_any_kind(job):
    model, processor = load_clap(str(job / "model"))
    waveforms = [np.ones(100, np.float32), torch.randn(3, 48_000 * 12)[0], np.zeros((2, 999), np.int16)]
    embeds = embed_waveforms(model, processor, waveforms, batch_size=2)
    assert embeds.shape == (3, 32)
    assert np.abs(np.linalg.norm(embeds, axis=1) - 1).max() <= 1e-5
    assert embed_waveforms(model, processor, []).shape == (0, 32)
    assert np.abs(embed_waveforms(model, processor, waveforms[0]) - embeds[0]).max() <= 1e-5


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--output_file", "out.csv", "end it in .parquet or .npz"),
        ("--audio_dir", "nowhere", "no such folder"),
        ("--model_name_or_path", "./nowhere", "no such folder"),
        ("--output_file", "README.md/out.npz", "cannot be written"),
        ("--audio_dir", "tests", "no audio in it"),
        ("--model_name_or_path", "configs", "no config.json"),
        ("--per_device_eval_batch_size", "0", "at least 1"),
    ],
)
def test_bad_options_are_named(job, tmp_path, monkeypatch, option, value, message):
    arguments = command(job, tmp_path / "out.npz")
    arguments[arguments.index(option) + 1] = value
    monkeypatch.setattr(sys, "argv", [str(item) for item in arguments])
    with pytest.raises(SystemExit, match=rf"{option} {value}.*{message}"):
        embed.main()
