"""A fixture for tests of pictures."""

import matplotlib
import pytest
from matplotlib import pyplot


@pytest.fixture
def drawn(monkeypatch):
    """Figures that are saved, kept open."""
    figures = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda figure, path, **_: figures.append(figure))
    monkeypatch.setattr(pyplot, "close", lambda figure: None)
    yield figures
    monkeypatch.undo()
    pyplot.close("all")
