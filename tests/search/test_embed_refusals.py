"""What `teminal embed` refuses, in one sentence."""

import shutil
import sys

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file

from teminal.cli import main
from teminal.search.index import Index

from .rows import read_rows


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("output_file", "out.csv", "end it in .parquet or .npz"),
        ("folder", "nowhere", "no such folder"),
        ("model", "./nowhere", "no such folder"),
        ("output_file", "README.md/out.npz", "cannot be written"),
        ("folder", "docs/../tests/search", "no audio in it"),
        ("model", "configs", "config.json"),
        ("per_device_eval_batch_size", "0", "at least 1"),
        ("index", "docs", "it holds .* and no index.json; name a new folder"),
        ("index", "README.md", "it is a file; name a new folder"),
        ("folder", "README.md", "it is a file; give its folder"),
    ],
)
def test_bad_options_are_named(model, sounds, tmp_path, name, value, message):
    given = {"folder": sounds, "model": model, "index": tmp_path / "index", name: value}
    flags = [text for flag, chosen in given.items() for text in (f"--{flag}", str(chosen))]
    with pytest.raises(SystemExit, match=rf"^teminal: error: --{name} {value}.*{message}"):
        main(["embed", *flags])


def test_an_index_keeps_to_its_model_and_its_folder(embed, model, sounds, tmp_path, capsys):
    embed()
    shutil.copytree(model, tmp_path / "other")
    weights = load_file(model / "model.safetensors")
    save_file(weights | {"logit_scale_a": torch.zeros(())}, tmp_path / "other/model.safetensors", {"format": "pt"})
    with pytest.raises(SystemExit, match=r"--model .*other: the index .*index was made with another model"):
        main(["embed", str(sounds), "--model", str(tmp_path / "other"), "--index", str(tmp_path / "index")])
    with pytest.raises(ValueError, match="was made with another model"):
        Index(tmp_path / "index", str(tmp_path / "other")).search("a dog")

    shutil.copytree(sounds, tmp_path / "copied", symlinks=True)
    flags = ["--model", str(model), "--index", str(tmp_path / "index")]
    with pytest.raises(SystemExit, match=r"--index .*index: it is of .*sounds; name another for .*copied"):
        main(["embed", str(tmp_path / "copied"), *flags])
    shutil.rmtree(sounds)
    (tmp_path / "foreign").mkdir()
    soundfile.write(tmp_path / "foreign/x.wav", np.ones(9000) / 2, 48_000)
    with pytest.raises(SystemExit, match=r"--index .*index: it is of .*sounds; name another for .*foreign"):
        main(["embed", str(tmp_path / "foreign"), *flags])  # the disk of the other may only be away
    assert len(read_rows(tmp_path / "index")) == 14
    capsys.readouterr()
    main(["embed", str(tmp_path / "copied"), *flags])
    assert "6 files in 14 windows" in capsys.readouterr().out


def test_a_folder_without_readable_audio_is_named(model, tmp_path):
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds/broken.wav").write_bytes(b"RIFF no audio")
    flags = ["--model", str(model), "--index", str(tmp_path / "index")]
    with pytest.raises(SystemExit, match=rf"--folder {tmp_path}/sounds: none of 1 files can be read"):
        main(["embed", str(tmp_path / "sounds"), *flags])


def test_the_installed_command_names_itself_and_its_extra(embed, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["teminal"])
    for words in ([], None):
        with pytest.raises(SystemExit, match="usage: teminal COMMAND"):
            main(words)
    with pytest.raises(SystemExit, match="teminal: error: serach is no command; use embed, search"):
        main(["serach", "x"])
    main(["--help"])
    assert "search   Search an index" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "lancedb", None)
    monkeypatch.delitem(sys.modules, "teminal.search.store", raising=False)
    monkeypatch.delitem(sys.modules, "teminal.search.embed", raising=False)
    with pytest.raises(SystemExit, match=r"^teminal: error: .*pip install 'teminal\[search\]'"):
        embed()
