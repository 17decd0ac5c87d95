"""CompA: scores of matrices with known answers, and the script on tables of stand-in audio."""

import os

import numpy as np
import pytest
import soundfile

from eval import run_compa
from teminal.clips import read_clip
from teminal.evaluation.checkpoints import load_clap
from teminal.evaluation.clap import embed_captions, embed_waveforms
from teminal.evaluation.compa import CHANCE, add_compa_figures
from teminal.evaluation.inputs import COMPA_COLUMNS
from teminal.evaluation.statistics import Figures
from teminal.event_loops import event_loop
from teminal.rendering import render_group
from teminal.sources import load_clips

from ..conftest import run_here
from ..tones import evaluate, save_clap, write_tones


def compa_figures(scores, prefix=""):
    figures = Figures()
    add_compa_figures(figures, scores, prefix=prefix)
    return figures


@pytest.mark.parametrize(
    ("scores", "text", "audio"),
    [
        ([[0.9, 0.1], [0.2, 0.8]], 1, 1),
        ([[0.6, 0.5], [0.7, 0.8]], 1, 0),  # the first caption scores higher with the second audio
        ([[0.6, 0.7], [0.5, 0.8]], 0, 1),  # the first audio scores higher with the second caption
        ([[0.1, 0.9], [0.8, 0.2]], 0, 0),
        ([[0.5, 0.5], [0.5, 0.5]], 0, 0),
        ([[0.5, 0.5], [0.2, 0.8]], 0, 1),
        ([[0.5, 0.2], [0.5, 0.8]], 1, 0),
        ([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9]], 1, 1),
        ([[0.6, 0.5, 0.1], [0.7, 0.8, 0.1], [0.1, 0.1, 0.9]], 1, 0),
        ([[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.9, 0.9]], 0, 0),
    ],
)
def test_text_and_audio_scores(scores, text, audio):
    figures = compa_figures(np.array([scores]))
    assert (figures["text"], figures["audio"], figures["group"]) == (text, audio, text and audio)


@pytest.mark.parametrize("n", [2, 3])
def test_chance_is_what_random_scores_get(n):
    figures = compa_figures(np.random.default_rng(0).random((40_000, n, n)))
    for name in ("text", "audio", "group"):
        chance = figures[f"{name}_chance"]
        assert chance == CHANCE[n][name]
        assert abs(figures[name] - chance) <= 4 * np.sqrt(chance / 40_000)


def test_intervals_are_over_examples_and_seeded():
    scores = np.array([np.eye(2)] * 60 + [1 - np.eye(2)] * 40)
    figures = compa_figures(scores, prefix="triplet_")
    assert (figures["triplet_group"], figures["triplet_group_n"]) == (0.6, 100)
    assert figures["triplet_group_ci95"] == pytest.approx([0.5, 0.69], abs=0.03)
    assert figures == compa_figures(scores, prefix="triplet_")


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((3, 4, 4)), "expected is"),
        (np.zeros((3, 2, 3)), "expected is"),
        (np.zeros((2, 2)), "expected is"),
        (np.zeros((0, 2, 2)), "nothing to score"),
        (np.full((1, 2, 2), np.nan), "not finite"),
    ],
)
def test_bad_matrices_are_named(scores, message):
    with pytest.raises(ValueError, match=message):
        compa_figures(scores)


def write_table(path, rows, columns=(*COMPA_COLUMNS, "triplet_caption", "triplet_file")):
    path.write_text("\n".join([",".join(columns), *(",".join(row) for row in rows)]) + "\n")
    return path


@pytest.fixture
def order(tmp_path):
    """A table as CompA-order's: three rows, the first with a triplet; the files of the last are not there."""
    rows = [
        ["tone 1 then 2", "tone 2 then 1", "a1.wav", "a2.wav", "tone 1 with 1", "a3.wav"],
        ["tone 3 then 4", "tone 4 then 3", "b1.wav", "b2.wav", "-", "-"],
        ["tone 5 then 6", "tone 6 then 5", "c1.wav", "c2.wav", "tone 5 with 5", "c3.wav"],
    ]
    files = {"a1": (1, 2), "a2": (2, 1), "a3": (1, 1), "b1": (3, 4), "b2": (4, 3), "c2": (6, 5)}
    for name, tones in files.items():
        write_tones(tmp_path / "audio" / f"{name}.wav", *tones)
    write_table(tmp_path / "order.csv", rows)
    return tmp_path


def of_table(folder, name="order.csv"):
    return ("--csv_file", folder / name, "--audio_dir", folder / "audio")


def test_order(order, tmp_path, monkeypatch, capsys, caplog):
    report = evaluate(monkeypatch, run_compa.main, tmp_path, *of_table(order))
    assert report["skipped"] == {"c1.wav": "missing file", "c3.wav": "missing file"}
    assert report["data"]["rows_left_out"] == {"pairs": 1, "triplets": 1}
    assert "left out 1 of 3 rows" in caplog.text
    hears, deaf = report["results"]["tones"], report["results"]["deaf"]
    assert (hears["text"], hears["audio"], hears["group"], hears["group_n"]) == (1, 1, 1, 2)
    assert (deaf["text"], deaf["audio"], deaf["group"]) == (0, 0, 0)  # both orders are the same to it: they tie
    assert (hears["triplet_group"], hears["triplet_group_n"]) == (1, 1)
    assert deaf["triplet_text"] == 0
    assert (hears["text_chance"], hears["group_chance"]) == (0.25, pytest.approx(0.1667, abs=1e-4))
    assert "25.00 100.0 (100.0 to 100.0) 0.0 (0.0 to 0.0)" in " ".join(capsys.readouterr().out.split())


def test_captions_of_the_wrong_audio_lose(order, tmp_path, monkeypatch):
    table = order / "order.csv"
    table.write_text(table.read_text().replace("b1.wav,b2.wav", "b2.wav,b1.wav"))
    figures = evaluate(monkeypatch, run_compa.main, tmp_path, *of_table(order))["results"]["tones"]
    assert (figures["text"], figures["audio"], figures["group"]) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("second_name", ["pair_file.1,reversed_pair_file.1", "pair_file,reversed_pair_file"])
def test_attribute_names_its_files_in_further_columns(order, tmp_path, monkeypatch, second_name):
    row = ["tone 1 then 2", "tone 2 then 1", "youtube1", "youtube2", "a1.wav", "a2.wav"]
    write_table(order / "attribute.csv", [row], (*COMPA_COLUMNS, *second_name.split(",")))
    report = evaluate(monkeypatch, run_compa.main, tmp_path, *of_table(order, "attribute.csv"))
    assert report["results"]["tones"]["group"] == 1
    assert "triplet_text" not in report["results"]["tones"]


def test_a_real_checkpoint(order, tiny_clap, tmp_path):
    command = ["eval/run_compa.py", "--model_name_or_path", save_clap(tiny_clap, tmp_path / "model")]
    result = run_here(*command, *of_table(order), "--cache_dir", tmp_path / "cache")
    assert result.returncode == 0, result.stderr
    assert "triplet group" in result.stdout
    assert "skipped c1.wav: missing file" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("reversed_pair_file", "other_file", "no column reversed_pair_file"),
        ("tone 4 then 3", " ", "line 3 is damaged: reversed_pair_caption is"),
        ("b2.wav", "../b2.wav", "leads out of"),
        (".wav", "", "none of 8 clips can be read"),
        ("1.wav", "9.wav", "no row of .* has both of its files"),
    ],
)
def test_damaged_tables_are_named(order, tmp_path, monkeypatch, old, new, message):
    table = order / "order.csv"
    table.write_text(table.read_text().replace(old, new))
    if message.startswith("none"):
        (order / "audio").rename(order / "elsewhere")
        (order / "audio").mkdir()
    with pytest.raises(SystemExit, match=rf"^run_compa.py: error: .*{message}"):
        evaluate(monkeypatch, run_compa.main, tmp_path, *of_table(order))


@pytest.mark.parametrize(("option", "message"), [("--csv_file", "no such table"), ("--audio_dir", "no such folder")])
def test_what_is_missing_is_named(order, tmp_path, monkeypatch, option, message):
    arguments = [*of_table(order)]
    arguments[arguments.index(option) + 1] = "nowhere"
    with pytest.raises(SystemExit, match=rf"^run_compa.py: error: {option} nowhere: {message}; get tables and audio"):
        evaluate(monkeypatch, run_compa.main, tmp_path, *arguments)


@pytest.mark.esc50
@pytest.mark.skipif("TEMINAL_ESC50_DIR" not in os.environ, reason="set TEMINAL_ESC50_DIR to real ESC-50")
def test_pairs_of_real_clips(tiny_clap, tmp_path, monkeypatch):
    clips = load_clips("esc50", [4], esc50_dir=os.environ["TEMINAL_ESC50_DIR"])
    firsts = list({clip.label: clip for clip in clips}.values())
    (tmp_path / "audio").mkdir()
    rows = []
    for number, (x, y) in enumerate(zip(firsts[::2], firsts[1::2], strict=True)):
        variants = render_group(event_loop(read_clip(x)), event_loop(read_clip(y)), snr_db=0.0)
        names = [f"{number}-{variant}.wav" for variant in ("forward", "reversed")]
        for name, variant in zip(names, ("forward", "reversed"), strict=True):
            soundfile.write(tmp_path / "audio" / name, variants[variant], 48_000, subtype="FLOAT")
        rows.append([f"{x.label} before {y.label}", f"{y.label} before {x.label}", *names])
    write_table(tmp_path / "order.csv", rows, COMPA_COLUMNS)
    model = save_clap(tiny_clap, tmp_path / "model")
    command = ("--model_name_or_path", model, *of_table(tmp_path))
    found = evaluate(monkeypatch, run_compa.main, tmp_path, *command, hears_tones=False)["results"]["model"]

    loaded, processor = load_clap(str(model))
    n_text, n_audio, n_group = 0, 0, 0
    for first, second, *names in rows:
        audio = [soundfile.read(tmp_path / "audio" / name, dtype="float32")[0] for name in names]
        audio = embed_waveforms(loaded, processor, audio, 48_000)
        (ff, fs), (sf, ss) = (audio @ embed_captions(loaded, processor, [first, second]).numpy().T).tolist()
        text, by_audio = ff > fs and ss > sf, ff > sf and ss > fs
        n_text, n_audio, n_group = n_text + text, n_audio + by_audio, n_group + (text and by_audio)
    assert [found[name] for name in ("text", "audio", "group")] == [n / 25 for n in (n_text, n_audio, n_group)]
    assert found["group_n"] == 25
