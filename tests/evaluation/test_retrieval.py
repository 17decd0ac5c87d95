"""Ranks and figures of matrices with known answers, and the command on tables of stand-in audio."""

import json
import os

import numpy as np
import pytest

from eval import run_retrieval
from teminal.evaluation.inputs import group_rows
from teminal.evaluation.retrieval import average_precision_at_10, ndcg_at_10, retrieval_figures, right_ranks

from ..conftest import run_cli, run_here
from ..stock import save_stock_clap
from ..tones import evaluate, of_clotho, save_clap, write_clotho, write_tones


@pytest.mark.parametrize(
    ("scores", "right", "ranks", "precision"),
    [
        ([0.9, 0.8, 0.7, 0.6, 0.5], [1, 3], [2, 4], (1 / 2 + 2 / 4) / 2),
        ([0.5, 0.5, 0.1], [0], [2], 1 / 2),
        ([0.5] * 12, [4], [12], 0.0),
        ([0.5, 0.5, 0.5, 0.1], [0, 1], [2, 3], (1 / 2 + 2 / 3) / 2),
        (np.arange(20.0), range(8, 20), range(1, 13), 1.0),
        (np.arange(20.0), [9], [11], 0.0),
        (np.arange(20.0), [19, 9], [1, 11], 1 / 2),
    ],
)
def test_ranks_and_precision_of_one_query(scores, right, ranks, precision):
    is_right = np.isin(np.arange(len(scores)), list(right))
    found = right_ranks(np.array([scores]), is_right[None])
    assert found.tolist() == [list(ranks)]
    assert average_precision_at_10(found)[0] == pytest.approx(precision)


def test_queries_may_have_different_numbers_of_right_items():
    ranks = right_ranks(np.array([[3.0, 2, 1], [3, 2, 1]]), np.array([[True, True, False], [False, False, True]]))
    assert ranks.tolist() == [[1, 2], [3, np.inf]]
    assert average_precision_at_10(ranks).tolist() == [1, pytest.approx(1 / 3)]


def test_discounted_gains_by_hand():
    inf = np.inf
    second_and_third = (1 / np.log2(3) + 1 / 2) / (1 + 1 / np.log2(3))
    ranks = np.array([[1, inf], [3, inf], [2, 3], [10, 11], [11, inf], [1, 2]])
    expected = [1, 1 / 2, second_and_third, 1 / np.log2(11) / (1 + 1 / np.log2(3)), 0, 1]
    assert ndcg_at_10(ranks).tolist() == pytest.approx(expected)
    assert ndcg_at_10(np.arange(1.0, 16)[None])[0] == pytest.approx(1)


def test_figures_are_those_of_the_convention_written_out():
    rng = np.random.default_rng(0)
    n, scores = 60, rng.standard_normal((60, 300))
    clip_of = rng.permutation(np.repeat(np.arange(n), 5))
    scores[clip_of, np.arange(300)] += 2
    figures = retrieval_figures(scores, clip_of)

    by_text = [1 + np.argsort(-scores[:, j]).tolist().index(clip_of[j]) for j in range(300)]
    by_audio = [1 + np.flatnonzero(np.isin(np.argsort(-scores[i]), np.flatnonzero(clip_of == i))) for i in range(n)]
    best = np.array([ranks[0] for ranks in by_audio])
    for k in (1, 5, 10):
        assert figures[f"text_to_audio_R@{k}"] == pytest.approx(np.mean(np.array(by_text) <= k))
        assert figures[f"audio_to_text_R@{k}"] == pytest.approx(np.mean(best <= k))
    assert figures["text_to_audio_mAP@10"] == pytest.approx(np.mean([1 / r if r <= 10 else 0 for r in by_text]))
    precision = [sum((i + 1) / r for i, r in enumerate(ranks) if r <= 10) / 5 for ranks in by_audio]
    assert figures["audio_to_text_mAP@10"] == pytest.approx(np.mean(precision))
    assert figures["text_to_audio_median_rank"] == np.median(by_text)
    assert figures["audio_to_text_median_rank"] == np.median(best)
    assert (figures["text_to_audio_R@1_n"], figures["audio_to_text_R@1_n"]) == (300, 60)
    assert 0 < figures["text_to_audio_R@1"] < 1


def test_a_constant_score_finds_nothing():
    figures = retrieval_figures(np.full((20, 100), 0.3), np.repeat(np.arange(20), 5))
    for name in ("R@1", "R@5", "R@10", "mAP@10"):
        assert figures[f"text_to_audio_{name}"] == figures[f"audio_to_text_{name}"] == 0
    assert (figures["text_to_audio_median_rank"], figures["audio_to_text_median_rank"]) == (20, 96)


@pytest.mark.parametrize("captions_each", [1, 5, 12])
def test_chance_is_what_random_scores_get(captions_each):
    n, draws = 14, 60
    clip_of = np.repeat(np.arange(n), captions_each)
    rng = np.random.default_rng(0)
    drawn = [retrieval_figures(rng.random((n, len(clip_of))), clip_of) for _ in range(draws)]
    for name in ("R@1", "R@5", "R@10", "mAP@10"):
        for direction in ("text_to_audio", "audio_to_text"):
            found = [figures[f"{direction}_{name}"] for figures in drawn]
            chance = drawn[0][f"{direction}_{name}_chance"]
            assert abs(np.mean(found) - chance) <= 4 * np.std(found) / np.sqrt(draws)
    assert drawn[0]["text_to_audio_R@5_chance"] == pytest.approx(5 / 14)


def test_intervals_are_over_clips_and_seeded():
    n, clip_of = 100, np.repeat(np.arange(100), 5)
    scores = np.full((n, 5 * n), 0.0)
    scores[clip_of, np.arange(5 * n)] = np.where(clip_of < 40, 1, -1)
    figures, again = (retrieval_figures(scores, clip_of, seed=3) for _ in range(2))
    assert figures == again
    assert figures["text_to_audio_R@1"] == 0.4
    spread = 1.96 * np.sqrt(0.4 * 0.6 / 100)  # captions of a clip are all right or all wrong: 100 things, not 500
    assert figures["text_to_audio_R@1_ci95"] == pytest.approx([0.4 - spread, 0.4 + spread], abs=0.02)
    assert figures["audio_to_text_R@1_ci95"] == figures["text_to_audio_R@1_ci95"]


@pytest.mark.parametrize(
    ("scores", "clip_of", "message"),
    [
        (np.zeros((2, 3)), [0, 1], "expected is"),
        (np.zeros((1, 2)), [0, 0], "one clip only"),
        (np.array([[0, np.nan], [0, 0]]), [0, 1], r"score \(0, 1\) .* not finite"),
        (np.zeros((2, 3)), [0, 0, 0], "each of the 2 clips"),
        (np.zeros((2, 3)), [0, 1, 2], "each of the 2 clips"),
    ],
)
def test_bad_matrices_are_named(scores, clip_of, message):
    with pytest.raises(ValueError, match=message):
        retrieval_figures(scores, clip_of)


CLOTHO = os.environ.get("TEMINAL_CLOTHO_DIR")


@pytest.fixture
def clotho(tmp_path):
    return write_clotho(tmp_path / "clotho")


def test_clotho(clotho, tmp_path, monkeypatch, capsys, caplog):
    report = evaluate(monkeypatch, run_retrieval.main, tmp_path, *of_clotho(clotho))
    assert report["skipped"] == {"clip 5.wav": "unreadable audio", "clip 6.wav": "missing file"}
    assert "skipped clip 6.wav: missing file" in caplog.text
    assert (report["n_clips"], report["n_captions"]) == (4, 20)
    assert report["data"]["split"] == "test"
    for figures in report["results"].values():
        for name in ("text_to_audio_R@1", "audio_to_text_R@1", "text_to_audio_mAP@10", "audio_to_text_mAP@10"):
            assert figures[name] == 1
        assert figures["text_to_audio_median_rank"] == 1
    printed = capsys.readouterr().out
    assert "text to audio R@1" in printed
    assert "100.0 (100.0 to 100.0)" in printed
    assert "4 audios, 20 captions, 2 clips skipped" in printed


def test_a_caption_that_two_clips_have_ties(clotho, tmp_path, monkeypatch):
    table = clotho / "clotho_captions_evaluation.csv"
    table.write_text(table.read_text().replace("tone 2, said e", "tone 1, said e"))
    report = evaluate(monkeypatch, run_retrieval.main, tmp_path, *of_clotho(clotho))
    assert report["n_captions"] == 19
    assert report["results"]["tones"]["audio_to_text_R@1"] == 0.75
    assert report["results"]["tones"]["text_to_audio_R@1"] == 19 / 20


def test_audiocaps(tmp_path, monkeypatch):
    ids = [f"tone_______{tone}"[-11:] for tone in range(1, 4)]
    lines = [f"{name},30,tone {tone} {word}" for word in "ab" for tone, name in enumerate(ids, start=1)]
    (tmp_path / "test.csv").write_text("\n".join(["youtube_id,start_time,caption", *lines]) + "\n")
    (tmp_path / "train.csv").write_text("youtube_id,start_time,caption\nabcdefghijk,30,tone 4\n")
    for tone, name in enumerate(ids, start=1):
        write_tones(tmp_path / "audio" / f"Y{name}.flac", tone)
    folders = ("--captions_dir", tmp_path, "--audio_dir", tmp_path / "audio")
    report = evaluate(monkeypatch, run_retrieval.main, tmp_path, "--source", "audiocaps", *folders)
    assert (report["n_clips"], report["n_captions"], report["skipped"]) == (3, 6, {})
    assert report["results"]["tones"]["text_to_audio_R@1"] == 1


def test_rows_of_a_hub_dataset_with_the_same_audio_are_one_clip(tmp_path, monkeypatch):
    from datasets import Dataset

    audio = [write_tones(tmp_path / f"{tone}.wav", tone).read_bytes() for tone in (1, 2)]
    rows = {
        "audio": [{"bytes": audio[i], "path": None} for i in (0, 1, 0)],
        "caption": ["tone 1", "tone 2", "the tone 1"],
    }
    (tmp_path / "hub" / "data").mkdir(parents=True)
    Dataset.from_dict(rows).to_parquet(tmp_path / "hub" / "data" / "test-00000-of-00001.parquet")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    report = evaluate(monkeypatch, run_retrieval.main, tmp_path, "--dataset_name", tmp_path / "hub")
    assert (report["n_clips"], report["n_captions"]) == (2, 3)
    assert report["results"]["tones"]["audio_to_text_mAP@10"] == 1
    with pytest.raises(SystemExit, match=r"^run_retrieval.py: error: --dataset_name .*train"):
        evaluate(monkeypatch, run_retrieval.main, tmp_path, "--dataset_name", tmp_path / "hub", "--split", "train")


def test_several_captions_a_row_and_rows_without_audio():
    row = {"audio": {"bytes": b"a", "path": None}, "caption": ["one", "two"]}
    first, second = group_rows("X", [row, {"audio": None, "caption": "three"}])
    assert (first.captions, second.audio) == (("one", "two"), None)
    for empty in ("", " ", None, [], ["one", ""]):
        with pytest.raises(ValueError, match="X: row 2 has an empty caption"):
            group_rows("X", [row, {**row, "caption": empty}])


def test_real_checkpoints_on_one_and_on_two_processes(clotho, tiny_clap, tmp_path):
    models = [save_clap(tiny_clap, tmp_path / "model"), save_stock_clap(tiny_clap, tmp_path / "stock")]
    command = ["eval/run_retrieval.py", "--model_name_or_path", *models, *of_clotho(clotho)]
    one = run_here(*command, "--cache_dir", tmp_path / "one", "--output_json", tmp_path / "one.json")
    assert one.returncode == 0, one.stderr
    outputs = ["--cache_dir", tmp_path / "two", "--output_json", tmp_path / "two.json"]
    two = run_cli(*command, *outputs, n_processes=2)
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("clips skipped") == 1
    assert two.stderr.count("skipped clip 6.wav") == 1
    by_one, by_two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    assert by_one["results"] == by_two["results"]
    assert list(by_one["results"]) == ["model", "stock"]
    assert {"torch", "transformers", "soxr"} <= set(by_one["versions"])
    assert by_one["wall_time_s"] > 0


@pytest.mark.skipif(not CLOTHO, reason="TEMINAL_CLOTHO_DIR is not set: captions and evaluation_sample of Clotho")
def test_real_clotho(tiny_clap, tmp_path, monkeypatch):
    model = save_clap(tiny_clap, tmp_path / "model")
    data = ("--source", "clotho", "--captions_dir", CLOTHO, "--audio_dir", f"{CLOTHO}/evaluation_sample")
    command = ("--model_name_or_path", model, *data)
    report = evaluate(monkeypatch, run_retrieval.main, tmp_path, *command, hears_tones=False)
    assert (report["n_clips"], report["n_captions"], len(report["skipped"])) == (7, 35, 1038)
    assert set(report["skipped"].values()) == {"missing file"}
