"""Test the plot of a run."""

import pytest
from matplotlib.figure import Figure

from teminal.training.progress import Progress, plot_course


def test_each_stage_has_a_panel_of_its_own_terms(tmp_path, monkeypatch):
    progress = Progress()
    for stage, losses in {
        "pretrain": {"loss": 3.0, "tnce": 3.0},
        "B": {"loss": 9.0, "tnce": 1.0, "in_group": 0.3},
    }.items():
        progress.history += [{"stage": stage, "step": step, "losses": losses} for step in (1, 2, 3)]
    chance = {"recognition_chance": 0.02, "temporal_chance": 0.3, "zste_chance": 0.2}
    progress.zste = {
        name: {"recognition": 0.4, "temporal": 0.3, "zste": 0.35, **chance} for name in ("base", "after B")
    }
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *args, **kwargs: drawn.append(figure))
    plot_course(tmp_path / "course.png", progress)
    of_pretrain, of_b, of_zste = drawn[0].axes
    shown = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in drawn[0].axes]
    assert shown[0] == ["total", "TNCE"]
    assert shown[1] == ["total", "TNCE", "in-group", "in-group, order unknown"]
    assert {"recognition, chance", "temporal, chance"} <= set(shown[2])
    assert of_b.lines[-1].get_ydata()[0] == pytest.approx(0.3466, abs=1e-4)
    assert all(len(line.get_xdata()) == 3 for line in (*of_pretrain.lines, *of_b.lines[:3]))
    assert [line.get_ydata()[0] for line in of_zste.lines if line.get_linestyle() == ":"] == pytest.approx([2, 30, 20])
