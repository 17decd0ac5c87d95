"""Malformed clips and tables: one clear error or a skipped clip, no traceback, no hang, nothing outside the output.

The suite takes a small sample; `pytest -m slow tests/test_fuzz.py` tries 2,000.
"""

import io
import os
import struct
import sys
import time

import numpy as np
import pytest
import soundfile

from dataset_scripts.build_dataset import main
from teminal.sources.synthetic import synthesise

N_AUDIO, N_TABLES = 60, 100  # per seed
HEADER = "filename,fold,target,category,esc10,src_file,take\n"


def encoded(waveform, container, subtype):
    file = io.BytesIO()
    soundfile.write(file, waveform, 48_000, format=container, subtype=subtype)
    return file.getvalue()


@pytest.fixture(scope="module")
def sound():
    """A sound clip as WAV, FLAC and Ogg."""
    waveform = synthesise("siren", 0, 48_000)
    formats = [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")]
    return [encoded(waveform, *kind) for kind in formats]


def write_malformed_audio(path, rng, sound):
    """A file that is wrong in a random way."""
    content = bytearray(sound[rng.integers(len(sound))])
    kind = rng.integers(12)
    if kind == 0:
        content = content[: rng.integers(len(content))]
    elif kind == 1:
        content = rng.bytes(int(rng.integers(0, 5000)))
    elif kind == 2:  # flipped bits in the header
        for position in rng.integers(0, 100, 10):
            content[position] ^= 1 << rng.integers(8)
    elif kind == 3:  # flipped bits anywhere
        for position in rng.integers(0, len(content), 200):
            content[position] ^= 1 << rng.integers(8)
    elif kind == 4:
        content = encoded(np.full(1000, rng.choice([np.nan, np.inf, 1e30])), "WAV", "FLOAT")
    elif kind == 5:
        content = encoded(np.zeros(240_000), "FLAC", "PCM_16")
    elif kind == 6:  # a WAV that says it has 4 GB
        content[4:8], content[40:44] = struct.pack("<I", 2**32 - 8), struct.pack("<I", 2**32 - 44)
    elif kind == 7:  # an impossible rate
        content[24:28] = struct.pack("<I", int(rng.choice([0, 1, 2**31, 2**32 - 1])))
    elif kind == 8:
        content = encoded(np.zeros((10, 200)), "WAV", "PCM_16")
    elif kind == 9:  # hours of silence in a small file
        content = encoded(np.zeros(48_000 * 600, np.int16), "FLAC", "PCM_16")
    elif kind == 10:
        return os.mkfifo(path)
    else:
        return path.symlink_to(rng.choice(["/dev/zero", str(path), "/nowhere"]))
    path.write_bytes(bytes(content))
    return None


def malformed_table(rng):
    """The bytes of an esc50.csv that is wrong in a random way."""
    rows = [f"{fold}-{i}-A.wav,{fold},{i},class {i % 3},False,{fold}{i},A" for fold in (1, 2) for i in range(6)]
    row = rng.integers(len(rows))
    names = [
        "../../outside.wav",
        "/etc/passwd",
        "",
        "a\0b.wav",
        "x" * 200_000,
        "..",
        "CON",
        "\ud7ff",
        rows[0].split(",")[0],
    ]
    kind = rng.integers(8)
    if kind == 0:
        return rng.bytes(int(rng.integers(0, 3000)))
    if kind == 1:
        rows[row] = ",".join(rows[row].split(",")[: rng.integers(0, 6)])
    elif kind == 2:
        rows[row] = str(rng.choice(names)) + rows[row][rows[row].index(",") :]
    elif kind == 3:
        fold = rng.choice(["-1", "one", "1.5", "", "99999999999999999999", "NaN", "\u0661"])
        rows[row] = rows[row].replace(f",{1 if row < 6 else 2},", f",{fold},", 1)
    elif kind == 4:
        return (HEADER.replace("fold", "folder") + "\n".join(rows)).encode()
    elif kind == 5:
        rows[row] = '"' + rows[row]
    elif kind == 6:
        return HEADER.encode() if rng.random() < 0.5 else (HEADER + "\n".join(rows[:1])).encode("utf-16")
    else:
        rows[row] = rows[row].replace("class", rng.choice(["", " ", "{0}", "{", "\x1b[31m"]))
    return (HEADER + "\n".join(rows) + "\n").encode("utf-8", "surrogatepass")


def run_build(root, monkeypatch):
    """Run the build of `root / "esc50"`; its error, or None."""
    command = ["build_dataset.py", "--source", "esc50", "--esc50_dir", root / "esc50", "--output_dir", root / "out"]
    monkeypatch.setattr(sys, "argv", list(map(str, [*command, "--n_groups", 4, "--num_proc", 2])))
    before = sorted(path for path in root.rglob("*") if "out" not in path.parts)
    started = time.time()
    try:
        main()
        error = None
    except SystemExit as stop:
        error = stop.code
    assert time.time() - started < 60
    assert sorted(path for path in root.rglob("*") if root / "out" not in (path, *path.parents)) == before
    return error


def try_audio(tmp_path, monkeypatch, sound, seed):
    rng = np.random.default_rng([seed, 1])
    audio = tmp_path / "esc50" / "audio"
    audio.mkdir(parents=True)
    (tmp_path / "esc50" / "meta").mkdir()
    rows = []
    for fold in (1, 2):
        for i in range(3):
            waveform = synthesise("wind", 10 * fold + i, 48_000)
            soundfile.write(audio / f"{fold}-{i}.wav", waveform, 48_000)
            rows.append(f"{fold}-{i}.wav,{fold},0,class {i},False,{fold}{i},A")
    for i in range(N_AUDIO):
        name = f"1-bad{i}.{rng.choice(['wav', 'ogg', 'flac', 'mp3'])}"
        write_malformed_audio(audio / name, rng, sound)
        rows.append(f"{name},1,0,class {i % 3},False,bad{i},A")
    (tmp_path / "esc50" / "meta" / "esc50.csv").write_text(HEADER + "\n".join(rows) + "\n")
    assert run_build(tmp_path, monkeypatch) is None


def try_tables(tmp_path, monkeypatch, seed):
    rng = np.random.default_rng([seed, 2])
    for number in range(N_TABLES):
        root = tmp_path / f"table{number}"
        (root / "esc50" / "meta").mkdir(parents=True)
        (root / "esc50" / "meta" / "esc50.csv").write_bytes(malformed_table(rng))
        error = run_build(root, monkeypatch)
        assert error.startswith("build_dataset.py: error: ")
        assert "\n" not in error.strip()


def test_a_sample_of_malformed_clips(tmp_path, monkeypatch, sound):
    try_audio(tmp_path, monkeypatch, sound, seed=0)


def test_a_sample_of_malformed_tables(tmp_path, monkeypatch):
    try_tables(tmp_path, monkeypatch, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 14))
def test_two_thousand_malformed_inputs(tmp_path, monkeypatch, sound, seed):
    try_audio(tmp_path / "audio", monkeypatch, sound, seed)
    try_tables(tmp_path / "tables", monkeypatch, seed)
