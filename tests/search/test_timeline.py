"""What sounds when, told by a model that hears tones, and every form in which it is told."""

import json

import matplotlib.image
import numpy as np
import pytest
import soundfile

from teminal.cli import main
from teminal.evaluation import models
from teminal.search.timeline import Event, Timeline, calibrate, find_events, place_short_windows, timeline
from teminal.search.timeline_plot import compute_spectrogram
from teminal.search.timeline_text import tell

from ..tones import STEP_HZ, ToneModel


@pytest.fixture(autouse=True)
def _tones(monkeypatch):
    monkeypatch.setitem(models.MODEL_TYPES, "clap", ToneModel)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Of 50 s, longer than what is decoded at a time: tone 2 from 4 to 9 s, 5 from 12 to 14, 2 from 30 to 41."""
    file = tmp_path_factory.mktemp("recording") / "yard.wav"
    time_s = np.arange(50 * 16_000) / 16_000
    waveform = 0.3 * np.sin(2 * np.pi * STEP_HZ * 8 * time_s)
    for tone, start_s, end_s in ((2, 4, 9), (5, 12, 14), (2, 30, 41)):
        sounds = (start_s <= time_s) & (time_s < end_s)
        waveform[sounds] = 0.3 * np.sin(2 * np.pi * STEP_HZ * tone * time_s[sounds])
    soundfile.write(file, waveform, 16_000)
    return file


def test_sounds_are_found_where_they_are(recording):
    found = timeline(ToneModel("tones", 1), recording, ["tone 2", "tone 5", "tone 7"])
    assert found.duration_s == 50
    assert [event.label for event in found.events] == ["tone 2", "tone 5", "tone 2"]
    for event, (start_s, end_s) in zip(found.events, ((4, 9), (12, 14), (30, 41)), strict=True):
        assert abs(event.start_s - start_s) <= 0.75
        assert abs(event.end_s - end_s) <= 0.75
    assert found.scores.shape == (3, len(found.times_s)) == (3, 101)


def test_windows_are_centred_from_end_to_end():
    spans = place_short_windows(3)
    assert [(span.start / 48_000, span.stop / 48_000) for span in spans] == [
        (0, 1), (0, 1.5), (0, 2), (0.5, 2.5), (1, 3), (1.5, 3), (2, 3)
    ]  # fmt: skip
    assert place_short_windows(0.1) == [slice(0, 4800)]


def test_a_sound_that_fills_a_short_recording_is_told_from_end_to_end(tmp_path):
    waveform = 0.3 * np.sin(2 * np.pi * STEP_HZ * 2 * np.arange(2 * 16_000) / 16_000)
    soundfile.write(tmp_path / "short.wav", waveform, 16_000)
    [event] = timeline(ToneModel("tones", 1), tmp_path / "short.wav", ["tone 2", "tone 5"]).events
    assert (event.label, event.start_s, event.end_s) == ("tone 2", 0, 2)
    soundfile.write(tmp_path / "click.wav", waveform[:3200], 16_000)  # one window
    [event] = timeline(ToneModel("tones", 1), tmp_path / "click.wav", "tone 2").events
    assert (event.label, event.start_s, event.end_s) == ("tone 2", 0, 0.2)


def test_nothing_sounds_in_silence(tmp_path):
    model = ToneModel("tones", 1)
    for level, n_events in ((1e-4, 0), (1e-2, 1)):  # -83 and -43 dB of full scale
        waveform = level * np.sin(2 * np.pi * STEP_HZ * 2 * np.arange(3 * 16_000) / 16_000)
        soundfile.write(tmp_path / "quiet.wav", waveform, 16_000, subtype="FLOAT")
        assert len(timeline(model, tmp_path / "quiet.wav", ["tone 2", "tone 5"]).events) == n_events


def test_scores_are_set_against_the_rest():
    rng = np.random.default_rng(0)
    cosines = 0.05 * rng.standard_normal((2, 400)) + np.array([[0.1], [0.3]])
    cosines[0, 100:120] += 0.8
    others = 0.05 * rng.standard_normal((2, 36)) + np.array([[0.1], [0.3]])
    calibrated, spread = calibrate(cosines, others)
    assert 0.1 < spread < 0.2
    assert calibrated[0, 100:120].min() > 4
    assert np.abs(np.median(calibrated, 1)).max() < 0.1
    assert np.abs(np.delete(calibrated, range(100, 120), 1)).max() < 2
    most, _ = calibrate(cosines[:, 100:130], others)  # sounds for two thirds of a short recording
    assert most[0, :20].min() > 1.5
    assert most[0, 20:].max() < 0.5


def test_an_event_begins_loud_or_gets_so_and_is_no_single_window():
    times_s = np.arange(0, 10, 0.5)
    scores = np.zeros(20)
    scores[3], scores[8:13], scores[10] = 9, 2, 4  # a window alone, and a sound that is above the threshold once
    [event] = find_events("x", scores, times_s, 9.5, 3)
    assert event == Event("x", 3.75, 6.25, 4)
    assert find_events("x", np.minimum(scores, 2), times_s, 9.5, 3) == []
    assert find_events("x", np.full(20, 9.0), times_s, 9.5, 3) == [Event("x", 0, 9.5, 9)]


def test_what_is_told():
    events = [Event("dog", 0, 3, 5), Event("rain", 1, 61, 5), Event("bell", 62.04, 70, 5)]
    several = Timeline("x.wav", 70, ["dog", "rain", "bell"], 3, events, np.zeros(1), np.zeros((3, 1)))
    assert (
        tell(several) == "First dog (0:00.0 to 0:03.0), while rain (0:01.0 to 1:01.0), then bell (1:02.0 to 1:10.0)."
    )
    nothing = Timeline("x.wav", 70, ["dog", "rain"], 3, [], np.zeros(1), np.zeros((2, 1)))
    assert tell(nothing) == "None of these was heard: dog, rain."


def test_the_spectrogram_shows_the_tones(recording):
    decibels, edges_hz = compute_spectrogram(recording, 50)
    assert decibels.shape == (96, 586)
    for second, tone in ((1, 8), (6, 2), (13, 5), (35, 2), (49, 8)):
        band = decibels[:, round(second / 50 * 586)].argmax()
        assert edges_hz[band] * 0.94 <= tone * STEP_HZ <= edges_hz[band + 1] * 1.06


def test_the_command_tells_writes_and_draws(recording, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("tone 2\n\ntone 5\n")
    files = ["--audacity_file", tmp_path / "labels.audacity.txt", "--picture_file", tmp_path / "yard.png"]
    flags = [recording, "--model", "tones", "--labels_file", tmp_path / "labels.txt", *files]
    main(list(map(str, ["timeline", *flags])))
    out = capsys.readouterr().out
    assert out.startswith("First tone 2 (0:0")
    assert out.splitlines()[2].split() == ["label", "start", "end", "score"]
    assert "scores above 1.4 count as heard" in out
    lines = [line.split("\t") for line in (tmp_path / "labels.audacity.txt").read_text().splitlines()]
    assert [line[2] for line in lines] == ["tone 2", "tone 5", "tone 2"]
    assert all(float(start) < float(end) for start, end, _ in lines)
    height, width, _ = matplotlib.image.imread(tmp_path / "yard.png").shape
    assert width == 1400
    assert height > 300
    main(["timeline", "--model", "tones", "--labels", "tone 2, tone 5,", "--json", str(recording)])
    told = json.loads(capsys.readouterr().out)
    assert [event["label"] for event in told["events"]] == ["tone 2", "tone 5", "tone 2"]
    assert told["sentence"].startswith("First tone 2")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nowhere.wav", "--labels", "dog"], "--file nowhere.wav: no such file"),
        (["README.md", "--labels", "dog"], "README.md: unreadable audio"),
        (["{recording}"], "give the sounds to look for: --labels dog rain"),
        (["{recording}", "--labels", "dog", "dog"], "--labels: 'dog' is given twice"),
        (["{recording}", "--labels", "dog", " "], "--labels: a label is empty"),
        (["{recording}", "--labels", "dog,rain,dog"], "--labels: 'dog' is given twice"),
        (["{recording}", "--labels_file", "{recording}.txt"], r"--labels_file .*\.txt: 'dog' is given twice"),
        (["{recording}", "--labels", "dog", "--labels_file", "x"], "--labels and --labels_file: give one of them"),
        (["{recording}", "--labels_file", "nowhere.txt"], "--labels_file nowhere.txt: cannot be read"),
        (["{recording}", "--labels", "dog", "--picture_file", "x.gif"], "--picture_file x.gif: end it in .png"),
        (["{recording}", "--labels", "dog", "--threshold", "nan"], "--threshold nan: must be"),
    ],
)
def test_what_cannot_be_told_is_one_sentence(recording, flags, message):
    recording.with_name("yard.wav.txt").write_text("dog\n\ndog\n")
    with pytest.raises(SystemExit, match=rf"^teminal: error: .*{message}"):
        main(["timeline", *(flag.format(recording=recording) for flag in flags), "--model", "tones"])
