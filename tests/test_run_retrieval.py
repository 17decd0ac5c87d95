"""The retrieval script, on tables of stand-in audio."""

import json
import os

import pytest

from eval import run_retrieval

from .conftest import run_cli, run_here
from .stock import save_stock_clap
from .tones import evaluate, of_clotho, save_clap, write_clotho, write_tones

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
    assert "text_to_audio_R@1" in printed
    assert "100.0 [100.0, 100.0]" in printed
    assert "4 clips, 20 captions, 2 clips skipped" in printed


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
    first, second = run_retrieval.group_rows("X", [row, {"audio": None, "caption": "three"}])
    assert (first.captions, second.audio) == (("one", "two"), None)
    for empty in ("", " ", None, [], ["one", ""]):
        with pytest.raises(ValueError, match="X: row 2 has an empty caption"):
            run_retrieval.group_rows("X", [row, {**row, "caption": empty}])


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
