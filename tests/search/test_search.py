"""Search an index by text and by sound, with a model that hears and reads two tones."""

import csv
import io
import itertools
import json

import numpy as np
import pytest
import soundfile

from teminal.audio import read_audio
from teminal.cli import main
from teminal.evaluation import models
from teminal.search.index import Hit, Index
from teminal.search.windows import Span, place_windows

from ..tones import STEP_HZ, ToneModel, write_tones


@pytest.fixture(autouse=True)
def _tones(monkeypatch):
    monkeypatch.setitem(models.MODEL_TYPES, "clap", ToneModel)


def write_long(path, *parts):
    """Tones one after the other, each given by number and seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waves = [
        0.3 * np.sin(2 * np.pi * STEP_HZ * tone * np.arange(16_000 * seconds) / 16_000) for tone, seconds in parts
    ]
    soundfile.write(path, np.concatenate(waves), 16_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    for first, second in ((1, 2), (2, 1), (4, 4), (6, 7)):
        write_tones(folder / f"{first}{second}.wav", first, second, seconds=4)
    write_long(folder / "deep/long.wav", (3, 15), (5, 30), (8, 20))
    return folder


@pytest.fixture
def path(folder, tmp_path):
    main(["embed", str(folder), "--model", "tones", "--index", str(tmp_path / "index")])
    return tmp_path / "index"


def test_windows_cover_a_recording_evenly():
    assert place_windows(9.5) == [Span(0, 9.5, True)]
    assert place_windows(12) == [Span(0, 12, True), Span(0, 10), Span(2, 12)]
    spans = place_windows(47)
    assert spans[0] == Span(0, 47, True)
    for length_s, n_windows in ((10, 9), (30, 3)):
        starts = [span.start_s for span in spans[1:] if round(span.end_s - span.start_s) == length_s]
        assert len(starts) == n_windows
        assert (starts[0], starts[-1] + length_s) == (0, 47)
        assert np.ptp(np.diff(starts)) < 1e-9
        assert max(np.diff(starts)) <= length_s / 2
    assert [span.start_s for span in spans] == sorted(span.start_s for span in spans)


def test_what_happens_when_is_found_where_it_happens(path):
    index = Index(path)
    assert index.search("1 before 2", 1)[0].file == "12.wav"
    assert index.search("2 before 1", 1)[0].file == "21.wav"
    [hit] = index.search("3 before 5", 1)
    assert (hit.file, hit.start_s, hit.end_s) == ("deep/long.wav", 10, 20)
    assert hit.score == pytest.approx(1, abs=1e-5)
    [hit] = index.search("5 before 8", 1)
    assert (hit.file, hit.start_s, hit.end_s) == ("deep/long.wav", 40, 50)


def test_hits_of_a_file_do_not_overlap_and_are_as_many_as_there_are(path):
    index = Index(path)
    hits = index.search("tone 5", top_k=100)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.file for hit in hits} == {"12.wav", "21.wav", "44.wav", "67.wav", "deep/long.wav"}
    own = sorted((hit.start_s, hit.end_s) for hit in hits if hit.file == "deep/long.wav")
    assert len(own) >= 4
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(own))
    assert len(index.search("tone 5", top_k=3)) == 3


def test_a_sound_finds_its_like(path, folder):
    index = Index(path)
    assert index.search(audio=folder / "67.wav", top_k=1)[0] == Hit("67.wav", 0, 4, pytest.approx(1, abs=1e-5))
    assert index.search(audio=read_audio(folder / "21.wav"), top_k=1)[0].file == "21.wav"


def test_the_command_prints_and_saves(path, folder, tmp_path, capsys):
    capsys.readouterr()
    main(["search", str(path), "3 before 5", "--top_k", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["file", "start", "end", "score"]
    assert lines[2].split() == ["deep/long.wav", "0:10.0", "0:20.0", "1.000"]
    assert lines[4:] == ["", f"files are in {folder}"]
    main(["search", "--audio", str(folder / "44.wav"), "--json", "--top_k", "1", str(path)])
    assert json.loads(capsys.readouterr().out)[0]["file"] == "44.wav"
    main(["search", str(path), "--csv", "5 before 8", "--top_k", "1", "--save_clips", str(tmp_path / "clips")])
    printed = capsys.readouterr()
    assert f"saved as WAV files in {tmp_path / 'clips'}" in printed.err
    [row] = csv.DictReader(io.StringIO(printed.out))
    assert (row["file"], row["start_s"], row["end_s"]) == ("deep/long.wav", "40.0", "50.0")
    [file] = (tmp_path / "clips").iterdir()
    assert file.name == "01_long_40.0s.wav"
    expected = read_audio(folder / "deep/long.wav")[48_000 * 40 : 48_000 * 50]
    assert np.abs(read_audio(file) - expected).max() < 1e-4


def test_files_that_are_gone_are_left_out_and_named(path, folder, tmp_path, caplog):
    file = folder / "44.wav"
    held = file.read_bytes()
    file.unlink()
    try:
        hits = Index(path).search("4", 2)
        assert "44.wav" not in {hit.file for hit in hits}
        assert len(hits) == 2
        assert f"44.wav is no longer in {folder}; run `teminal embed` again" in caplog.text
        with pytest.raises(ValueError, match=r"44\.wav: missing file"):
            Index(path).read(Hit("44.wav", 0, 1, 1))
    finally:
        file.write_bytes(held)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nowhere", "a dog"], "--index nowhere: no such folder; `teminal embed FOLDER --model M --index nowhere`"),
        (["{path}"], "give a text to search for, or --audio"),
        (["{path}", "  "], "--query is empty"),
        (["{path}", "dog " * 2000], "the query has 2,000 words, but 100 at most are allowed"),
        (["{path}", "a dog", "--top_k", "0"], "--top_k 0: must be"),
        (["{path}", "a dog", "--json", "--csv"], "choose one"),
        (["{path}", "--audio", "nowhere.wav"], "--audio nowhere.wav: no such file"),
        (["{path}", "--audio", "README.md"], "README.md: unreadable audio"),
        (["{path}", "a dog", "--model", "./nowhere"], "--model ./nowhere: no such folder"),
        (["{path}", "a dog", "--model", "deaf"], "--model deaf: the index .* was made with another model"),
        (["docs", "a dog"], "--index docs: not an index, for it has no index.json"),
        (["README.md", "a dog"], "--index README.md: not an index"),
        (["{path}", "a", "dog"], "unrecognized arguments: dog; put a text of several words in quotes"),
        (["{path}", "a dog", "--topk", "3"], "unrecognized arguments: --topk 3; did you mean --top_k?"),
        (["{path}", "a dog", "--save_clips", "{folder}/clips"], "it is in the folder that is searched"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(path, folder, flags, message):
    with pytest.raises(SystemExit, match=rf"^teminal: error: .*{message}"):
        main(["search", *(flag.format(path=path, folder=folder) for flag in flags)])


def test_no_hits_cannot_be_asked_for(path):
    for top_k in (0, -1):
        with pytest.raises(ValueError, match=f"top_k={top_k}: must be at least 1"):
            Index(path).search("1", top_k)


def test_a_half_written_index_says_what_to_do(path, tmp_path):
    whole = (path / "index.json").read_bytes()
    (path / "index.json").write_bytes(whole[:20])
    with pytest.raises(ValueError, match=r"index\.json is damaged; remove this index, and embed the folder again"):
        Index(path)
    (tmp_path / "started").mkdir()
    (tmp_path / "started/index.json").write_bytes(whole)
    with pytest.raises(ValueError, match="nothing is embedded yet; run `teminal embed` again"):
        Index(tmp_path / "started")
    (path / "index.json").write_bytes(whole)
    for file in (path / "windows.lance").rglob("*.lance"):
        file.write_bytes(b"")
    with pytest.raises(ValueError, match="the index is damaged"):
        Index(path).search("1")
