"""The retrieval script, on tables of stand-in audio."""

import csv
import json
import os
import subprocess
import sys

import pytest

from dataset_scripts.sources.clotho import CAPTIONS
from eval import run_retrieval

from .conftest import ROOT, run_cli
from .stock import save_stock_clap
from .tones import evaluate, save_clap, write_tones

CLOTHO = os.environ.get("TEMINAL_CLOTHO_DIR")


@pytest.fixture
def clotho(tmp_path):
    """Clotho's table of six recordings, one of them missing and one damaged; two clips share a caption."""
    folder = tmp_path / "clotho"
    folder.mkdir()
    with open(folder / "clotho_captions_evaluation.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", *CAPTIONS])
        for tone in range(1, 7):
            writer.writerow([f"clip {tone}.wav", *(f"tone {tone}, said {i} times" for i in "abcde")])
    for tone in range(1, 6):
        write_tones(folder / "evaluation" / f"clip {tone}.wav", tone, seconds=tone)
    (folder / "evaluation" / "clip 5.wav").write_bytes(b"RIFF")
    return folder


def of_clotho(folder):
    return ("--source", "clotho", "--captions_dir", folder, "--audio_dir", folder)


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
    one = run_cli(*command, "--cache_dir", tmp_path / "one", "--output_json", tmp_path / "one.json")
    assert one.returncode == 0, one.stderr
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *command]
    two = subprocess.run(
        [*map(str, launch), "--cache_dir", str(tmp_path / "two"), "--output_json", str(tmp_path / "two.json")],
        cwd=ROOT,
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("clips skipped") == 1
    assert two.stderr.count("skipped clip 6.wav") == 1
    by_one, by_two = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    assert by_one["results"] == by_two["results"]
    assert list(by_one["results"]) == [str(model) for model in models]
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --source audiocaps or clotho"),
        (("--source", "clotho", "--audio_dir", "{clotho}"), "--captions_dir is missing"),
        (("--source", "clotho", "--captions_dir", "{clotho}"), "--audio_dir is missing"),
        (("--source", "clotho", "--captions_dir", "nowhere", "--audio_dir", "{clotho}"), "nowhere: no such folder"),
        (("--source", "clotho", "--captions_dir", "{clotho}", "--audio_dir", "nowhere"), "nowhere: no such folder"),
        (("--source", "clotho", "--captions_dir", "configs", "--audio_dir", "{clotho}"), "no clotho_captions"),
        (("--source", "audiocaps", "--captions_dir", "{clotho}", "--audio_dir", "{clotho}"), "test.csv is there"),
        ((*of_clotho("{clotho}"), "--split", "train"), "--split train: .* has test only"),
        ((*of_clotho("{clotho}"), "--dataset_name", "me/x"), "not --dataset_name"),
        (("--dataset_name", "me/x", "--audio_dir", "{clotho}"), "need --source"),
        ((*of_clotho("{clotho}"), "--seed", "-1"), "--seed -1"),
    ],
)
def test_bad_input_is_named(clotho, tmp_path, monkeypatch, arguments, message):
    arguments = [argument.format(clotho=clotho) for argument in arguments]
    with pytest.raises(SystemExit, match=rf"^run_retrieval.py: error: .*{message}"):
        evaluate(monkeypatch, run_retrieval.main, tmp_path, *arguments)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("caption_3", "third", "no column caption_3"),
        ('"tone 2, said c times"', "", "row 2 is damaged"),
        ("clip 2.wav", "../clip 2.wav", "leads out of"),
        ("clip 2.wav", "clip 1.wav", "clip 1.wav is listed twice"),
    ],
)
def test_damaged_tables_are_named(clotho, tmp_path, monkeypatch, old, new, message):
    table = clotho / "clotho_captions_evaluation.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(SystemExit, match=rf"^run_retrieval.py: error: .*{message}"):
        evaluate(monkeypatch, run_retrieval.main, tmp_path, *of_clotho(clotho))


def test_audio_of_which_nothing_is_there(clotho, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match=r"error: none of 6 clips can be read, clip 1.wav for one: missing file"):
        evaluate(
            monkeypatch,
            run_retrieval.main,
            tmp_path,
            *("--source", "clotho", "--captions_dir", clotho, "--audio_dir", tmp_path / "empty"),
        )


def test_a_model_that_is_not_there(clotho, tmp_path):
    result = run_cli("eval/run_retrieval.py", "--model_name_or_path", tmp_path, *of_clotho(clotho))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("run_retrieval.py: error: --model_name_or_path")
    assert "Traceback" not in result.stderr
