"""Accuracy and mAP of matrices with known answers, and the command on folders and tables of stand-in audio."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from eval import run_classification
from teminal.evaluation import classification
from teminal.evaluation.classification import map_figures, resample_average_precision
from teminal.evaluation.inputs import load_fsd50k
from teminal.evaluation.statistics import resample

from ..conftest import run_here
from ..tones import evaluate, save_clap, write_tones


def accuracy_figures(scores, targets, folds, seed=0):
    return classification.accuracy_figures(scores, np.array(targets), np.array(folds), seed)


def test_accuracy_on_each_fold_and_their_mean():
    scores = np.array([[0.9, 0.1, 0.2], [0.4, 0.3, 0.1], [0.2, 0.5, 0.4], [0.1, 0.2, 0.3]])
    figures = accuracy_figures(scores, targets=[0, 1, 1, 2], folds=[1, 2, 2, 2])
    assert (figures["fold 1"], figures["fold 1_n"]) == (1, 1)
    assert figures["fold 2"] == pytest.approx(2 / 3)
    assert figures["accuracy"] == pytest.approx((1 + 2 / 3) / 2)
    assert (figures["accuracy_n"], figures["accuracy_chance"]) == (4, pytest.approx(1 / 3))


def test_a_source_without_folds_has_one_figure():
    figures = accuracy_figures(np.eye(3), targets=[0, 1, 2], folds=[0, 0, 0])
    assert figures == {
        "accuracy": 1,
        "accuracy_ci95": [1, 1],
        "accuracy_n": 3,
        "accuracy_chance": pytest.approx(1 / 3),
    }


def test_ties_lose():
    assert accuracy_figures(np.full((4, 3), 0.5), [0, 1, 2, 0], [1, 1, 2, 2])["accuracy"] == 0
    assert accuracy_figures(np.array([[0.5, 0.5, 0.1]]), [1], [1])["accuracy"] == 0


def test_the_interval_is_the_bootstrap_over_clips():
    targets = np.zeros(400, int)
    scores = np.stack([np.arange(400) % 5 < 3, np.full(400, 0.5)], axis=1)
    figures = accuracy_figures(scores, targets, np.repeat([1, 2], 200))
    assert figures["accuracy"] == pytest.approx(0.6)
    for name, n in (("fold 1", 200), ("accuracy", 400)):
        spread = 1.96 * np.sqrt(0.6 * 0.4 / n)
        assert figures[f"{name}_ci95"] == pytest.approx([0.6 - spread, 0.6 + spread], abs=0.015)
    assert figures == accuracy_figures(scores, targets, np.repeat([1, 2], 200))
    assert figures != accuracy_figures(scores, targets, np.repeat([1, 2], 200), seed=1)


def test_average_precision_of_samples_is_scikit_learns_with_weights():
    rng = np.random.default_rng(0)
    for values in (200, 5):  # hardly any ties, and many
        scores, is_right = rng.integers(0, values, 50) / values, rng.random(50) < 0.3
        counts = resample(50, 0)[:40]
        found = resample_average_precision(scores, is_right, counts)
        expected = [average_precision_score(is_right, scores, sample_weight=weight) for weight in counts]
        assert found == pytest.approx(expected)
    assert np.isnan(resample_average_precision(scores, is_right, is_right[None] == 0)).all()


def test_map_of_known_rankings():
    is_right = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0]], bool)
    scores = np.array([[0.9, 0.1, 0.5], [0.5, 0.8, 0.5], [0.4, 0.7, 0.5], [0.1, 0.6, 0.5]])
    figures = map_figures(scores, is_right)
    assert figures["mAP"] == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)  # the third class has no clip
    assert (figures["mAP_n"], figures["mAP_chance"]) == (4, pytest.approx(5 / 8))
    constant = map_figures(np.zeros((4, 3)), is_right)
    assert constant["mAP"] == pytest.approx(constant["mAP_chance"])


def test_the_interval_of_map_holds_it():
    rng = np.random.default_rng(1)
    is_right = rng.random((300, 6)) < 0.2
    scores = is_right + rng.standard_normal(is_right.shape)
    figures = map_figures(scores, is_right)
    low, high = figures["mAP_ci95"]
    assert figures["mAP_chance"] < low < figures["mAP"] < high < 1
    assert 0.02 < high - low < 0.2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: accuracy_figures(np.zeros((2, 3)), [0], [1]), "expected is"),
        (lambda: accuracy_figures(np.zeros((2, 1)), [0, 0], [1, 1]), "one class only"),
        (lambda: accuracy_figures(np.array([[0, np.inf]]), [0], [1]), "not finite"),
        (lambda: map_figures(np.zeros((2, 3)), np.zeros((2, 3), bool)), "no clip has any"),
        (lambda: map_figures(np.zeros((2, 3)), np.ones((2, 2), bool)), "expected is"),
    ],
)
def test_bad_matrices_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture
def urbansound8k(tmp_path):
    """UrbanSound8K's folder with a clip of three classes in folds 1 and 2; one of fold 2 is labelled wrongly."""
    root = tmp_path / "US8K"
    lines = ["slice_file_name,fsID,start,end,salience,fold,classID,class"]
    for fold in (1, 2):
        for tone in (1, 2, 3):
            label = 1 if (fold, tone) == (2, 3) else tone
            lines.append(f"{fold}-{tone}.wav,{fold}{tone},0,1,1,{fold},{label},tone_{label}")
            write_tones(root / "audio" / f"fold{fold}" / f"{fold}-{tone}.wav", tone)
    (root / "metadata").mkdir()
    (root / "metadata" / "UrbanSound8K.csv").write_text("\n".join(lines) + "\n")
    return root


def test_urbansound8k_by_fold(urbansound8k, tmp_path, monkeypatch, capsys):
    command = ("--source", "urbansound8k", "--audio_dir", urbansound8k)
    report = evaluate(monkeypatch, run_classification.main, tmp_path, *command)
    figures = report["results"]["tones"]
    assert (figures["fold 1"], figures["fold 2"]) == (1, pytest.approx(2 / 3))
    assert figures["accuracy"] == pytest.approx(5 / 6)
    assert report["data"]["classes"] == ["tone_1", "tone_2", "tone_3"]
    assert (report["n_clips"], report["n_captions"]) == (6, 3)
    assert "33.33" in capsys.readouterr().out


def test_the_prompt_is_what_the_model_reads(urbansound8k, tmp_path, monkeypatch):
    command = ("--source", "urbansound8k", "--audio_dir", urbansound8k, "--prompt", "1 1 {label}")
    report = evaluate(monkeypatch, run_classification.main, tmp_path, *command)
    assert report["results"]["tones"]["accuracy"] == 0  # every prompt says tone 1 first
    assert report["data"]["prompt"] == "1 1 {label}"


@pytest.fixture
def fsd50k(tmp_path):
    """FSD50K's table and audio: two clips have both of their tones for labels, one has no audio."""
    rows = {"10": "tone_1", "11": "tone_2", "12": "tone_1,tone_2", "13": "tone_3, tone_2", "14": "tone_4"}
    lines = [f'{name},"{labels}","/m/0"' for name, labels in rows.items()]
    (tmp_path / "eval.csv").write_text("\n".join(["fname,labels,mids", *lines]) + "\n")
    for name, tones in {"10": [1], "11": [2], "12": [1, 2], "13": [3, 2]}.items():
        write_tones(tmp_path / "audio" / f"{name}.wav", *tones)
    return tmp_path


def of_fsd50k(folder):
    return ("--source", "fsd50k", "--audio_dir", folder / "audio", "--labels_file", folder / "eval.csv")


def test_fsd50k(fsd50k, tmp_path, monkeypatch):
    report = evaluate(monkeypatch, run_classification.main, tmp_path, *of_fsd50k(fsd50k))
    assert report["skipped"] == {"14": "missing file"}
    assert report["data"]["classes"] == ["tone_1", "tone_2", "tone_3", "tone_4"]
    for figures in report["results"].values():
        assert figures["mAP"] == 1
        assert figures["mAP_chance"] == pytest.approx((2 + 3 + 1) / 12)
        assert "accuracy" not in figures


def test_labels_are_compared_in_one_spelling(fsd50k, tmp_path, caplog):
    table = fsd50k / "eval.csv"
    table.write_text("fname,labels\n10,caf\u00e9\n11, cafe\u0301\n12,Caf\u00e9\n")
    clips = load_fsd50k(str(table), str(fsd50k / "audio"))
    assert [clip.label for clip in clips] == ["caf\u00e9", "caf\u00e9", "Caf\u00e9"]
    assert "count as different classes" in caplog.text


def test_a_real_checkpoint_on_esc50(tiny_clap, esc50_dir, tmp_path):
    model = save_clap(tiny_clap, tmp_path / "model")
    command = ["eval/run_classification.py", "--model_name_or_path", model, "--esc50_dir", esc50_dir]
    result = run_here(*command, "--cache_dir", tmp_path / "cache")
    assert result.returncode == 0, result.stderr
    for name in ("fold 1", "fold 2", "accuracy"):
        assert name in result.stdout
    assert "12 audios, 3 captions, 0 clips skipped" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--source esc50 needs --esc50_dir"),
        (("--esc50_dir", "nowhere"), "--esc50_dir nowhere: no such folder"),
        (("--source", "synthetic", "--prompt", "a dog"), "--prompt 'a dog' does not say where the class stands"),
        (("--source", "synthetic", "--labels_file", "x"), "--labels_file is for --source fsd50k"),
        (("--source", "synthetic", "--audio_dir", "x"), "not --audio_dir"),
        (("--source", "fsd50k", "--audio_dir", "{folder}"), "--labels_file is missing"),
        (("--source", "fsd50k", "--labels_file", "x"), "--audio_dir is missing"),
        (("--source", "fsd50k", "--labels_file", "{folder}/none.csv", "--audio_dir", "{folder}"), "no such table"),
        (("--source", "fsd50k", "--labels_file", "{folder}/eval.csv", "--audio_dir", "nowhere"), "no such folder"),
        (("--source", "fsd50k", "--esc50_dir", "x"), "not --esc50_dir"),
    ],
)
def test_bad_options_are_named(fsd50k, tmp_path, monkeypatch, arguments, message):
    arguments = [argument.format(folder=fsd50k) for argument in arguments]
    with pytest.raises(SystemExit, match=rf"^run_classification.py: error: .*{message}"):
        evaluate(monkeypatch, run_classification.main, tmp_path, *arguments)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("labels", "classes", "no column labels"),
        ('"tone_1,tone_2"', '"tone_1,,tone_2"', "row 3 has an empty label"),
        ("\n11,", "\n10,", "1 of its rows repeat an fname"),
        ("\n11,", "\n../11,", "leads out of"),
    ],
)
def test_damaged_tables_are_named(fsd50k, tmp_path, monkeypatch, old, new, message):
    table = fsd50k / "eval.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(SystemExit, match=rf"^run_classification.py: error: .*{message}"):
        evaluate(monkeypatch, run_classification.main, tmp_path, *of_fsd50k(fsd50k))
