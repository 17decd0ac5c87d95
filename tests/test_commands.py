"""Every command ends in one line, on Ctrl-C from its first import on and on errors to its last file."""

import builtins
import errno
import runpy
import sys

import pytest

from eval import run_retrieval
from teminal.evaluation import evaluation
from teminal.sources import source_module, source_names, taken_options

from .conftest import ROOT
from .tones import evaluate, of_clotho, write_clotho

GOES_ON = "; run the same command again to continue"
COMMANDS = {
    "dataset_scripts/build_dataset.py": GOES_ON,
    "dataset_scripts/render_dataset.py": GOES_ON,
    "dataset_scripts/check_dataset.py": "",
    "dataset_scripts/swap_captions.py": "",
    "eval/run_search.py": GOES_ON,
    "eval/run_zste.py": GOES_ON,
    "eval/run_retrieval.py": GOES_ON,
    "eval/run_classification.py": GOES_ON,
    "eval/run_compa.py": GOES_ON,
    "eval/publish_metric.py": "",
}


def test_these_are_all_commands():
    found = {path for folder in ("dataset_scripts", "eval") for path in (ROOT / folder).glob("*.py")}
    found = {path.relative_to(ROOT).as_posix() for path in found if "\n    main()\n" in path.read_text()}
    assert found == COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_in_the_first_import_that_takes_time_is_one_line(command, monkeypatch, capsys):
    load = builtins.__import__

    def interrupted(name, *arguments):
        if name.split(".")[0] not in sys.stdlib_module_names and name not in ("teminal.cli", "teminal.options"):
            raise KeyboardInterrupt
        return load(name, *arguments)

    def run():
        with monkeypatch.context() as patch:
            patch.setattr(builtins, "__import__", interrupted)
            runpy.run_path(str(ROOT / command), run_name="__main__")

    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code == 130
    assert capsys.readouterr().err == f"{command.split('/')[1]}: interrupted{COMMANDS[command]}\n"


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("train_accelerate.py", "--text_model_name_or_path"),
        ("dataset_scripts/build_dataset.py", "--esc50_dir"),
        ("dataset_scripts/render_dataset.py", "--audio_dir"),
        ("dataset_scripts/swap_captions.py", "--captions_file"),
        ("eval/run_zste.py", "--model_name_or_path"),
        ("eval/publish_metric.py", "--hub_model_id"),
    ],
)
def test_a_value_that_the_shell_left_empty_is_refused(command, flag, monkeypatch):
    for words in ([flag, ""], [f"{flag}="]):
        monkeypatch.setattr(sys, "argv", [command, *words])
        with pytest.raises(SystemExit, match=f"error: {flag} is empty: give a value"):
            runpy.run_path(str(ROOT / command), run_name="__main__")


def test_a_disk_that_is_full_in_the_end_is_one_line(tmp_path, monkeypatch):
    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(evaluation, "write_json", full)
    clotho = write_clotho(tmp_path / "clotho")
    with pytest.raises(SystemExit, match=r"^run_retrieval\.py: error: .*No space left on device"):
        evaluate(monkeypatch, run_retrieval.main, tmp_path, *of_clotho(clotho))


def test_every_option_of_a_source_is_declared_once_for_all():
    for source in source_names():
        assert len(taken_options(source)) == source_module(source).load.__code__.co_argcount
