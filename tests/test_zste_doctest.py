"""The example in the metric's docstring is run, as `evaluate`'s own tests run it."""

import doctest
import importlib
from pathlib import Path

import evaluate

EVAL = Path(__file__).parents[1] / "eval"


def test_the_example_in_the_docstring_says_what_the_metric_gives(monkeypatch):
    monkeypatch.chdir(EVAL)  # where `evaluate.load("zste")` finds it
    factory = evaluate.loading.evaluation_module_factory(str(EVAL / "zste"))
    module = importlib.import_module(factory.module_path)
    results = doctest.testmod(module, raise_on_error=True)
    assert results.attempted == 3
    assert results.failed == 0
    assert module.Zste.__doc__.count("predictions (`list[list[float]]`)") == 1
