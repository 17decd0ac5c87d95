"""What is wrong with the input of retrieval is named."""

import pytest

from eval import run_retrieval

from ..conftest import run_here
from ..tones import evaluate, of_clotho, write_clotho


@pytest.fixture
def clotho(tmp_path):
    return write_clotho(tmp_path / "clotho")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --source audiocaps, clotho or folder"),
        (("--source", "clotho", "--audio_dir", "{clotho}"), "--captions_dir is missing"),
        (("--source", "clotho", "--captions_dir", "{clotho}"), "--audio_dir is missing"),
        (("--source", "clotho", "--captions_dir", "nowhere", "--audio_dir", "{clotho}"), "nowhere: no such folder"),
        (("--source", "clotho", "--captions_dir", "{clotho}", "--audio_dir", "nowhere"), "nowhere: no such folder"),
        (("--source", "clotho", "--captions_dir", "configs", "--audio_dir", "{clotho}"), "no clotho_captions"),
        (("--source", "audiocaps", "--captions_dir", "{clotho}", "--audio_dir", "{clotho}"), "test.csv is there"),
        ((*of_clotho("{clotho}"), "--split", "train"), "--split train: .* has test only"),
        ((*of_clotho("{clotho}"), "--dataset_name", "me/x"), "not --dataset_name"),
        (("--dataset_name", "me/x", "--audio_dir", "{clotho}"), "needs --source"),
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
        ('"tone 2, said c times"', "", "line 3 is damaged: caption_3 is empty"),
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
    result = run_here("eval/run_retrieval.py", "--model_name_or_path", tmp_path, *of_clotho(clotho))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("run_retrieval.py: error: --model_name_or_path")
    assert "Traceback" not in result.stderr
