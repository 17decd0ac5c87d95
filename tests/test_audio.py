"""One way of finding audio for all commands: what is left out is counted, linked folders are followed, names may be
any bytes."""

import os
import unicodedata

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from teminal import audio, cli
from teminal.audio import AUDIO_SUFFIXES, FoundAudio, find_audio, find_audio_by_name, printable, read_audio
from teminal.clips import Clip, hash_clips
from teminal.search import embed as embed_job
from teminal.sources import load_clips

from .tones import save_clap, write_tones

LATIN1 = os.fsdecode(b"caf\xe9.wav")


@pytest.fixture
def without_pyav(monkeypatch):
    monkeypatch.setattr(audio, "find_spec", lambda _: None)


def test_what_is_read_and_what_is_left_out(tmp_path, without_pyav):
    for name in ("a.aif", "b.oga", "c.WAV", "d.m4a", "e.m4a", "f.txt", "README", "._a.aif", ".DS_Store"):
        (tmp_path / name).write_bytes(b"")
    for folder in ("folder.wav", ".cache"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "g.opus").write_bytes(b"")
    found = find_audio(tmp_path)
    assert found.folders == [tmp_path, tmp_path / "folder.wav"]
    assert [path.name for path in found.files] == ["a.aif", "b.oga", "c.WAV", "g.opus"]
    assert found.left_out == {".m4a": 2, ".txt": 1, "": 1, "hidden": 3}
    told = "1 without suffix, 2 .m4a (install PyAV to read them: pip install av), 1 .txt, 3 hidden"
    assert found.describe_left_out() == told


def test_with_pyav_all_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "find_spec", lambda _: object())
    (tmp_path / "d.m4a").write_bytes(b"")
    assert find_audio(tmp_path) == FoundAudio([tmp_path / "d.m4a"], {}, [tmp_path])


def test_linked_folders_are_followed_once_and_never_in_circles(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "own").mkdir(parents=True)
    elsewhere.mkdir()
    for folder in (root / "own", elsewhere):
        (folder / "x.wav").write_bytes(b"")
    (root / "a link").symlink_to(root / "own")
    (root / "linked").symlink_to(elsewhere)
    (elsewhere / "circle").symlink_to(root)
    (root / "own" / "self").symlink_to(root / "own" / "self")
    found = find_audio(root)
    assert found.files == [root / "linked" / "x.wav", root / "own" / "x.wav"]


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.iterdir", lambda path: (_ for _ in ()).throw(PermissionError(13, "no", path)))
    with pytest.raises(PermissionError, match=tmp_path.name):
        find_audio(tmp_path)


@pytest.mark.parametrize("suffix", [".aif", ".oga", ".opus", ".caf", ".au", ".w64"])
def test_suffixes_that_are_read_are_decoded(tmp_path, suffix):
    formats = {".aif": "AIFF", ".oga": "OGG", ".opus": "OGG"}
    path = tmp_path / f"x{suffix}"
    kind = {"subtype": "OPUS"} if suffix == ".opus" else {}
    soundfile.write(path, 0.1 * np.ones(48_000), 48_000, format=formats.get(suffix, suffix[1:].upper()), **kind)
    assert suffix in AUDIO_SUFFIXES
    assert len(read_audio(path)) == pytest.approx(48_000, abs=400)


def test_a_format_without_decoder_is_skipped_with_the_cure_and_not_remembered(tmp_path, monkeypatch):
    (tmp_path / "x.m4a").write_bytes(b"0")
    clip, digests = Clip("x", "x", 1, "x", tmp_path / "x.m4a"), []
    for installed in (None, object()):
        monkeypatch.setattr(audio, "find_spec", lambda _, installed=installed: installed)
        digests.append(hash_clips([clip]))
        if not installed:
            with pytest.raises(ValueError, match=r"\.m4a file; install PyAV to read them: pip install av"):
                read_audio(clip.audio)
    assert digests[0] != digests[1]


def test_m4a_is_decoded_where_pyav_is_installed(tmp_path):
    av = pytest.importorskip("av")
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(96_000) / 48_000)
    with av.open(str(tmp_path / "x.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray((tone[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    waveform = read_audio(tmp_path / "x.m4a")
    assert np.corrcoef(waveform[4800:90_000], tone[4800:90_000])[0, 1] > 0.99
    assert len(read_audio(tmp_path / "x.m4a", max_duration_s=0.5)) == 24_000
    (tmp_path / "x.m4a").write_bytes((tmp_path / "x.m4a").read_bytes()[:100])
    with pytest.raises(ValueError, match="unreadable audio"):
        read_audio(tmp_path / "x.m4a")


def test_names_in_audio_folders_are_compared_in_one_spelling(tmp_path, caplog, without_pyav):
    accent = unicodedata.normalize("NFD", "é")
    for name in (f"{accent} .wav", "Yabcdefghijk.mp3", "twice.opus", "twice.ogg", "x.m4a"):
        (tmp_path / name).write_bytes(b"")
    names = {name: path.name for name, path in find_audio_by_name(tmp_path).items()}
    assert names == {
        "é": f"{accent} .wav",
        "Yabcdefghijk": "Yabcdefghijk.mp3",
        "twice": "twice.ogg",
    }
    assert "left out 1 .m4a (install PyAV" in caplog.text
    assert "1 names have several files" in caplog.text


def test_names_that_are_not_utf8_are_read_and_can_be_written(tmp_path):
    path = write_tones(tmp_path / "x.wav", 1).rename(tmp_path / LATIN1)
    assert len(read_audio(path)) == 48_000
    assert printable(LATIN1) == r"caf\xe9.wav"
    assert printable("café.wav") == "café.wav"


def test_clips_of_any_source_have_names_that_can_be_written(monkeypatch):
    def load():
        return [Clip(LATIN1, os.fsdecode(b"\xe9"), 1, LATIN1, b"")]

    monkeypatch.setattr("teminal.sources.synthetic.load", load)
    [clip] = load_clips("synthetic")
    assert (clip.name, clip.label) == (r"caf\xe9.wav", r"\xe9")


@pytest.fixture(scope="module")
def model(tiny_clap, tmp_path_factory):
    return save_clap(tiny_clap, tmp_path_factory.mktemp("models") / "model")


def run_embed(model, audio_dir, output_file):
    index = output_file.with_name("index")
    flags = ["embed", audio_dir, "--model", model, "--index", index, "--output_file", output_file]
    cli.main(list(map(str, flags)))


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
def test_embedding_considers_every_file(model, tmp_path, capsys, without_pyav, suffix):
    folder = tmp_path / "audio"
    write_tones(tmp_path / "elsewhere" / "a.wav", 1)
    for name in ("b.aif", LATIN1):
        write_tones(folder / "x.wav", 2).rename(folder / name)
    (folder / os.fsdecode(b"b\xe4d.wav")).write_bytes(b"RIFF no audio")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "c.m4a").write_bytes(b"")
    run_embed(model, folder, tmp_path / f"out{suffix}")
    out, err = capsys.readouterr()
    assert "3 files in 3 windows" in out
    assert r"skipped b\xe4d.wav: unreadable audio" in err
    assert "left out: 1 .m4a (install PyAV" in out
    names = ["b.aif", r"caf\xe9.wav", "linked/a.wav"]
    if suffix == ".npz":
        assert np.load(tmp_path / "out.npz")["path"].tolist() == names
    else:
        assert pq.read_table(tmp_path / "out.parquet")["path"].to_pylist() == names


def test_embedding_stops_where_the_system_refuses_and_goes_on_later(model, tmp_path, monkeypatch, capsys):
    for name in ("a.wav", "b.wav"):
        write_tones(tmp_path / "audio" / name, 1)

    def refuse(path):
        if path.name == "b.wav":
            raise PermissionError(13, "Permission denied", str(path))
        return read_audio(path)

    monkeypatch.setattr(embed_job, "FILES_AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(embed_job, "load_file", refuse)
        with pytest.raises(SystemExit, match=r"^teminal: error: .*Permission denied.*b\.wav'; run the same"):
            run_embed(model, tmp_path / "audio", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
    run_embed(model, tmp_path / "audio", tmp_path / "out.parquet")
    assert "2 files in 2 windows; new or changed: 1" in capsys.readouterr().out


def test_a_folder_without_readable_audio_says_what_is_there(model, tmp_path, without_pyav):
    (tmp_path / "x.m4a").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"no audio in it, only 1 \.m4a \(install PyAV"):
        run_embed(model, tmp_path, tmp_path / "out.parquet")
