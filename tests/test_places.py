"""Whether a path on this machine gets into what is published."""

import sys

import pytest

from teminal.dataset.report import command_line
from teminal.files import is_place, place_name, without_places


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/home/me/clap", "clap"),
        ("/home/me/clap/", "clap"),
        ("../me/clap", "clap"),
        ("~/clap", "clap"),
        ("here/clap", "clap"),
        ("laion/clap", "laion/clap"),
        ("</s>", "</s>"),
        ("A dog barks, then it rains.", "A dog barks, then it rains."),
        ("", ""),
    ],
)
def test_a_place_is_told_by_its_last_part(tmp_path, monkeypatch, text, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here" / "clap").mkdir(parents=True)
    assert place_name(text) == name
    assert is_place(text) == (text != name)


def test_here_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_name(".") == tmp_path.name


def test_places_anywhere_in_json_are_told_by_name():
    content = {"recipe": {"audio_dir": "/data/me/ESC-50", "wise_ft": [0.8], "seed": 0}, "files": ["/a/b/x.json", None]}
    told = {"recipe": {"audio_dir": "ESC-50", "wise_ft": [0.8], "seed": 0}, "files": ["x.json", None]}
    assert without_places(content) == told


def test_a_command_line_names_no_place(tmp_path, monkeypatch):
    given = "--source esc50 --esc50_dir ../me/ESC-50/ --captions_dir=/data/me/x --output_dir work/me/sets"
    given += " --dataset_name ashraq/esc50 --hub_dataset_id me/sets --snr_db -5 .5"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/home/me/dataset_scripts/build_dataset.py", *given.split()])
    told = "--source esc50 --esc50_dir ESC-50 --captions_dir=x --output_dir sets"
    told += " --dataset_name ashraq/esc50 --hub_dataset_id me/sets --snr_db -5 .5"
    assert command_line() == f"python dataset_scripts/build_dataset.py {told}"


def test_options_that_take_a_path_are_told_by_its_last_part_wherever_it_is_now(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"resume_from_checkpoint": "runs/a/checkpoint-100", "config": "mine/x.yaml", "audio_dir": "data/sounds"}
    told = {"resume_from_checkpoint": "checkpoint-100", "config": "x.yaml", "audio_dir": "sounds"}
    assert without_places(settings) == told
    kept = {"resume_from_checkpoint": "latest", "model_name_or_path": "laion/clap", "audio_dir": None, "config": ""}
    assert without_places(kept) == kept
    given = ["--captions_file", "data/x.csv", "--output_file=x/y.csv"]
    monkeypatch.setattr(sys, "argv", ["swap_captions.py", *given])
    assert command_line().endswith("--captions_file x.csv --output_file=y.csv")
