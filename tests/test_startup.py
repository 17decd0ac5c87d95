"""What a command answers at once, it answers before anything heavy is imported."""

import subprocess
import sys
from typing import get_args, get_type_hints

import pytest

import teminal
from teminal.evaluation import models, options

from .conftest import ROOT

HEAVY = (
    "torch",
    "datasets",
    "evaluate",
    "accelerate",
    "matplotlib",
    "pandas",
    "sklearn",
    "scipy.signal",
    "scipy.stats",
    "lancedb",
)
HEAVY += ("transformers.configuration_utils",)  # the parser of training is transformers', without models
ANSWERS = """
import runpy, sys
command, *cases = sys.argv[1:]
for case in cases:
    sys.argv = [command, *case.split()]
    try:
        runpy.run_path(command, run_name="__main__")
    except SystemExit as error:
        print(case, "->", error.code, file=sys.stderr)
    else:
        print(case, "-> went on", file=sys.stderr)
print([name for name in %r if name in sys.modules])
"""
MODEL = "--model_name_or_path ./nowhere"
CASES = {
    "train_accelerate": [
        "--help",
        "--wrong 1",
        "--config nowhere",
        "--config configs/esc50_tiny.yaml --esc50_dir nowhere",
        f"--config configs/esc50.yaml {MODEL}",
        "--config configs/esc50_tiny.yaml --text_model_name_or_path ./nowhere",
    ],
    "dataset_scripts/build_dataset": ["--help", "--wrong 1", "--source esc50 --esc50_dir nowhere --output_dir x"],
    "dataset_scripts/render_dataset": ["--help", "--recipe_dir nowhere --audio_dir nowhere --output_dir x"],
    "dataset_scripts/check_dataset": ["--help", "nowhere"],
    "dataset_scripts/swap_captions": ["--help", "--captions_file nowhere --output_file x.parquet"],
    "eval/run_search": ["--help", "--wrong 1", MODEL, "--model_name_or_path me/x --esc50_dir nowhere"],
    "eval/run_zste": ["--help", "--wrong 1", MODEL, "--model_name_or_path me/x --esc50_dir nowhere"],
    "eval/run_retrieval": [
        "--help",
        MODEL,
        "--model_name_or_path me/x --source clotho --audio_dir x --captions_dir nowhere",
    ],
    "eval/run_classification": ["--help", MODEL, "--model_name_or_path me/x --esc50_dir nowhere"],
    "eval/run_compa": ["--help", "--model_name_or_path me/x --csv_file nowhere --audio_dir x"],
    "eval/publish_metric": ["--help", "--wrong 1"],
    "teminal/__main__": [
        "embed --help",
        "search --help",
        "timeline --help",
        "embed nowhere --model me/x --index x",
        "embed tests --model ./nowhere --index x",
        "search x --wrong 1",
        "search x query --model ./nowhere",
        "timeline nowhere --model me/x --labels dog",
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_help_wrong_flags_and_missing_folders_need_nothing_heavy(name):
    command = [sys.executable, "-c", ANSWERS % (HEAVY,), f"{name}.py", *CASES[name]]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"
    answers = [line.rsplit(" -> ", 1)[1] for line in result.stderr.splitlines() if " -> " in line]
    assert len(answers) == len(CASES[name])
    assert answers[0] == "0"
    named = ("no such", "nowhere", "required", "unrecognized")
    for case, answer in zip(CASES[name], answers, strict=True):
        is_named = answer == "2" or any(word in answer.lower() for word in named)
        assert answer == "0" if "--help" in case else is_named, case


def test_the_library_imports_without_torch_and_warnings():
    code = f"import sys, teminal; print([name for name in {HEAVY} if name in sys.modules])"
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert (result.stdout, result.stderr) == ("[]\n", "")
    assert set(teminal.__all__) == {*teminal.MODULES}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        teminal.nothing  # noqa: B018


def test_the_kinds_of_models_in_the_help_are_those_there_are():
    kinds = get_args(get_type_hints(options.EvaluationOptions)["model_type"])
    assert tuple(models.MODEL_TYPES) == kinds
