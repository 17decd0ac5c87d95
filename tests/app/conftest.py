"""The modules of the demo page, which lie beside each other as in a Space."""

import importlib
import sys

import pytest

from ..conftest import ROOT


@pytest.fixture
def app_module(monkeypatch):
    """Import a module of `app/` by its name; it is forgotten afterwards."""
    monkeypatch.syspath_prepend(ROOT / "app")
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (ROOT / "app" / f"{name}.py").is_file():
            del sys.modules[name]
