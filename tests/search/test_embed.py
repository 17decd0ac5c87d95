"""A folder of audio to an index that follows it, and to one file of embeddings."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from teminal.audio import read_audio
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import embed_waveforms
from teminal.search import embed as embedding
from teminal.search.store import FileVersion, Store

from ..conftest import ROOT, run_cli
from .rows import SOUND, read_rows

WINDOWS = {3: 1, 5: 1, 25: 1 + 4}  # by the duration of a file in seconds: itself, and windows of 10 s


def read_embeddings(file):
    table = pq.read_table(file)
    return table["path"].to_pylist(), np.array(table["embedding"].to_pylist(), np.float32)


def test_files_become_windows_and_one_embedding_each(embed, sounds, model, tmp_path, capsys):
    embed("--output_file", tmp_path / "out.parquet")
    out, err = capsys.readouterr()
    assert "6 files in 14 windows; new or changed: 6, gone or replaced: 0, skipped: 4" in out
    assert "skipped broken.wav: unreadable audio" in err
    assert "skipped empty.wav: empty audio" in err
    assert "skipped huge.wav: samples far outside [-1, 1]" in err
    assert "skipped link.wav: missing file" in err
    paths, embeds = read_embeddings(tmp_path / "out.parquet")
    assert paths == SOUND
    clap = load_clap(str(model))
    waveforms = [read_audio(sounds / path) for path in paths]
    assert np.abs(embeds - embed_waveforms(*clap, waveforms, 48_000)).max() <= 1e-5

    rows = read_rows(tmp_path / "index")
    assert len(rows) == sum(WINDOWS[seconds] for seconds in (5, 3, 25, 5, 3, 25))
    starts = [start for file, start, end in rows if file == "5.wav" and end < 25.1 and end - start < 11]
    assert starts == [0, 5, 10, 15]
    window = embed_waveforms(*clap, [waveforms[4][48_000 * 5 : 48_000 * 15]], 48_000)[0]
    assert np.abs(window - rows["5.wav", 5.0, 15.0]).max() <= 1e-5

    assert embed("--output_file", tmp_path / "out.npz") == []
    arrays = np.load(tmp_path / "out.npz")
    assert arrays["path"].tolist() == paths
    assert np.array_equal(arrays["embedding"], embeds)


def test_only_what_is_new_or_changed_is_embedded_and_what_is_gone_leaves(embed, sounds, tmp_path, capsys):
    assert embed() == SOUND
    before = read_rows(tmp_path / "index")
    os.utime(sounds / "0.wav", (1, 1))
    (sounds / "1.wav").rename(sounds / "more/moved.wav")
    shutil.copy(sounds / "2.wav", sounds / "copy.wav")
    soundfile.write(sounds / "3.wav", np.ones(48_000) / 2, 48_000)
    (sounds / "5.wav").unlink()
    assert embed() == ["3.wav"]
    after = read_rows(tmp_path / "index")
    assert {file for file, _, _ in after} == {"0.wav", "more/moved.wav", "copy.wav", "2.wav", "3.wav", "more/4.wav"}
    assert after["more/moved.wav", 0.0, 3.0] == before["1.wav", 0.0, 3.0]
    for start_s in (0.0, 5.0, 15.0):
        assert after["copy.wav", start_s, start_s + 10] == before["2.wav", start_s, start_s + 10]
    assert ("3.wav", 0.0, 5.0) not in after
    assert embed() == []
    assert read_rows(tmp_path / "index") == after


def test_interrupted_work_goes_on_where_it_stopped(embed, sounds, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(embedding, "FILES_AT_ONCE", 2)
    add, n_added = Store.add, []

    def add_until_interrupted(store, rows):
        if len(n_added) == 2:
            raise KeyboardInterrupt
        n_added.append(1)
        add(store, rows)

    monkeypatch.setattr(Store, "add", add_until_interrupted)
    with pytest.raises(SystemExit) as caught:
        embed()
    monkeypatch.setattr(Store, "add", add)
    assert caught.value.code == 130
    assert "teminal: interrupted; run the same command again to continue" in capsys.readouterr().err
    done = {file for file, _, _ in read_rows(tmp_path / "index")}
    assert embed() == sorted(set(SOUND) - done)
    assert len(done) >= 2


KILLED = """
import sys, time
from teminal.cli import main
from teminal.search import embed
from teminal.search.store import FileVersion, Store
embed.FILES_AT_ONCE, add = 1, Store.add
def slowly(store, rows):
    print("adds", flush=True)
    add(store, rows)
    time.sleep(0.05)
Store.add = slowly
main(sys.argv[1:])
"""


def test_a_kill_loses_one_batch_and_doubles_nothing(embed, model, sounds, tmp_path):
    command = [sys.executable, "-c", KILLED, "embed", sounds, "--model", model, "--index", tmp_path / "index"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        list(map(str, command)), env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        for _ in range(3):
            assert process.stdout.readline() == "adds\n"
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    done = {file for file, _, _ in read_rows(tmp_path / "index")}
    assert 2 <= len(done) < len(SOUND)
    assert embed() == sorted(set(SOUND) - done)
    assert len(Store(tmp_path / "index", 32)) == len(read_rows(tmp_path / "index")) == 14


def test_long_files_are_written_one_by_one_and_short_ones_together():
    files = [FileVersion(f"{number}.wav", size, 0) for number, size in enumerate([3, 4, 3, 900, 1, 1] + [0] * 20)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedding, "BYTES_AT_ONCE", 8)
        batches = list(embedding.in_small_batches(files))
    assert [len(batch) for batch in batches] == [2, 1, 1, 16, 6]
    assert [file for batch in batches for file in batch] == files


def test_two_processes_give_what_one_gives(embed, model, sounds, tmp_path):
    flags = ["embed", sounds, "--model", model, "--index", tmp_path / "two"]
    result = run_cli("-m", "teminal", *flags, n_processes=2)
    assert result.returncode == 0, result.stderr
    assert len(re.findall("skipped broken.wav", result.stderr)) == 1
    embed()
    two, one = read_rows(tmp_path / "two"), read_rows(tmp_path / "index")
    assert two.keys() == one.keys()
    assert max(np.abs(np.subtract(two[row], one[row])).max() for row in one) <= 1e-5
