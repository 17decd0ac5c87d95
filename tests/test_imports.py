"""Arrows run down one list only: commands, then teminal, then modeling_teminal (docs/design.md)."""

import ast
import sys

import pytest

from .conftest import ROOT

COMMANDS = ("train_accelerate", "dataset_scripts", "eval", "app", "benchmarks", "tests")
UPPER = ("teminal.dataset", "teminal.training", "teminal.evaluation", "teminal.search")
FORBIDDEN = {  # files -> what they may not import
    "teminal/**/*.py": COMMANDS,
    "teminal/[a-z]*.py": UPPER,
    "teminal/sources/*.py": UPPER,
    "teminal/dataset/*.py": ("teminal.training", "teminal.evaluation", "teminal.search"),
    "teminal/training/*.py": ("teminal.search",),
    "teminal/evaluation/*.py": ("teminal.training", "teminal.search", "teminal.dataset.build"),
    "teminal/search/*.py": ("teminal.training", "teminal.dataset"),
    "eval/zste/*.py": ("teminal", "modeling_teminal", "dataset_scripts"),
}
SELF_CONTAINED = {"torch", "transformers", "numpy", "modeling_teminal", *sys.stdlib_module_names}


def imported(path):
    """Names of the modules that a file imports anywhere, with the names that it takes from them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_nothing_imports_what_lies_above_it(pattern):
    files = sorted(ROOT.glob(pattern))
    assert files
    for path in files:
        if path.name in ("cli.py", "__init__.py") and path.parent.name == "teminal" and pattern != "teminal/**/*.py":
            continue  # the public names, and the command over them
        for name in imported(path):
            assert not any(f"{name}.".startswith(f"{above}.") for above in FORBIDDEN[pattern]), f"{path}: {name}"


def test_a_model_repository_needs_torch_and_transformers_alone():
    for path in (ROOT / "modeling_teminal").glob("*.py"):
        assert {name.split(".")[0] for name in imported(path)} <= SELF_CONTAINED, path


@pytest.mark.parametrize("folder", ["training", "search"])
def test_public_names_alone_are_taken_of_the_evaluation(folder):
    for path in (ROOT / "teminal" / folder).glob("*.py"):
        taken = [name for name in imported(path) if name.startswith("teminal.evaluation.")]
        assert not any(part.startswith("_") for name in taken for part in name.split(".")), path


def test_flags_are_parsed_in_one_place():
    for path in (ROOT / "teminal").rglob("*.py"):
        if path.name != "cli.py":
            assert "argparse" not in set(imported(path)), path
