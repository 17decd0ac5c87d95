"""Tables and pictures for papers: the best in bold, differences with intervals, what each code means, how many."""

import re

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from eval.zste.zste import MEANS, SUBTASKS
from teminal.evaluation import plots as pictures
from teminal.evaluation.statistics import figure, resample, sample_differences
from teminal.evaluation.tables import LABELS, ROWS, difference_rows, result_rows, to_latex, to_markdown, write_paper
from teminal.training import report
from teminal.training.progress import Progress


def figures_of(values: dict[str, float]) -> dict:
    found = {}
    for key, value in values.items():
        found |= {key: value, f"{key}_ci95": [value - 0.02, value + 0.02], f"{key}_chance": 0.5, f"{key}_n": 10}
    return found


RESULTS = {
    "A & B": figures_of({"3A": 0.5, "median_rank": 3.0}),
    "ours|*": figures_of({"3A": 0.75, "median_rank": 7.0}),
}
LABELS_HERE = {"3A": "order (3A)", "median_rank": "median rank"}
DIFFERENCES = {
    "ours - A": {
        "3A": {"difference": 0.25, "ci95": [0.1, 0.4]},
        "median_rank": {"difference": 4.0, "ci95": [-1.0, 8.0]},
    }
}


def test_the_best_is_bold_and_names_are_escaped():
    rows = result_rows(RESULTS, LABELS_HERE)
    assert to_markdown(rows).splitlines() == [
        r"|  | chance | A & B | ours\|\* |",
        "| --- | ---: | ---: | ---: |",
        "| order (3A) | 50.00 | 50.0 (48.0 to 52.0) | **75.0 (73.0 to 77.0)** |",
        "| median rank | 0.50 | **3.0 (3.0 to 3.0)** | 7.0 (7.0 to 7.0) |",
    ]
    latex = to_latex(rows)
    assert r" & chance & A \& B & ours|* \\" in latex
    assert r"order (3A) & 50.00 & 50.0 (48.0 to 52.0) & \textbf{75.0 (73.0 to 77.0)} \\" in latex
    alone = result_rows({"A": RESULTS["A & B"]}, LABELS_HERE)
    assert not any(cell.is_bold for row in alone for cell in row)


def test_differences_stand_below_with_interval_and_star(tmp_path):
    rows = difference_rows(DIFFERENCES, LABELS_HERE)
    assert [row[1].text for row in rows] == ["ours - A", "+25.0 (+10.0 to +40.0)*", "+4.0 (-1.0 to +8.0)"]
    write_paper(tmp_path, "t", RESULTS, DIFFERENCES, LABELS_HERE, "In %.")
    markdown, latex = (tmp_path / "t.md").read_text(), (tmp_path / "t.tex").read_text()
    assert "In %. Best in bold." in markdown
    assert r"In \%. Best in bold." in latex
    for text in (markdown, latex):
        assert text.count("Differences in points, of ranks as they are. ") == text.count("excludes 0.") == 1
        assert "+25.0 (+10.0 to +40.0)" in text
    write_paper(tmp_path, "t", RESULTS, DIFFERENCES, {"3A": "order (3A)"}, "In %.")
    assert "Differences in points. " in (tmp_path / "t.md").read_text()


def test_every_code_has_a_meaning_beside_it():
    assert set(ROWS) == {*SUBTASKS, *MEANS}
    for code in SUBTASKS:
        assert re.fullmatch(rf".{{8,}} \({code}\)", LABELS[code])


def test_differences_of_other_benchmarks_are_paired():
    rng = np.random.default_rng(0)
    worse = rng.random(500) < 0.5
    results, samples = {}, {}
    for name, right in {"a": worse, "b": worse | (np.arange(500) % 10 == 0)}.items():
        samples[name] = {}
        drawn = resample(500, 3) @ right / 500
        results[name] = figure("accuracy", right.mean(), drawn, 500, keep=samples[name])
    found = sample_differences(results, samples)["b - a"]["accuracy"]
    assert found["difference"] == pytest.approx(results["b"]["accuracy"] - results["a"]["accuracy"])
    low, high = found["ci95"]
    assert 0 < low < found["difference"] < high < found["difference"] + 0.03  # unpaired: 0.06


@pytest.fixture
def drawn(monkeypatch):
    """Figures that are saved, kept open."""
    figures = []
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", lambda figure, path, **_: figures.append(figure))
    monkeypatch.setattr(pyplot, "close", lambda figure: None)
    yield figures
    monkeypatch.undo()
    pyplot.close("all")


def test_heat_maps_of_pairs_show_how_many(drawn, tmp_path):
    pairs = [("dog", "rain"), ("dog", "rain"), ("rain", "dog"), ("wind", "dog")]
    pictures.plot_pairs(tmp_path / "x.png", pairs, [True, False, True, True], "ours")
    texts = {(text.get_position(), text.get_text()) for text in drawn[0].axes[0].texts}
    assert texts == {((1, 0), "2"), ((0, 1), "1"), ((0, 2), "1")}


def test_bars_and_arrows_say_what_each_code_means(drawn, tmp_path):
    zste = {name: figures_of(dict.fromkeys(ROWS, value)) for name, value in {"base": 0.4, "after": 0.6}.items()}
    pictures.plot_bars(tmp_path / "x.png", zste, "ZSTE")
    pictures.plot_change(tmp_path / "x.png", zste, "ZSTE")
    for page in drawn:
        assert page.get_size_inches()[0] == 7
        page.canvas.draw()
        labels = page.axes[0].get_yticklabels()
        assert [label.get_text() for label in labels] == [LABELS[key] for key in ROWS]
        boxes = [label.get_window_extent() for label in labels]
        assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
        assert {text.get_text() for text in page.legends[0].get_texts()} >= {"base", "chance"}


def test_each_stage_has_a_panel_of_its_own_terms(drawn, tmp_path):
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
    report.plot_course(tmp_path / "course.png", progress)
    of_pretrain, of_b, of_zste = drawn[0].axes
    shown = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in drawn[0].axes]
    assert shown[0] == ["total", "TNCE"]
    assert shown[1] == ["total", "TNCE", "in-group", "in-group, order unknown"]
    assert {"recognition, chance", "temporal, chance"} <= set(shown[2])
    assert of_b.lines[-1].get_ydata()[0] == pytest.approx(0.3466, abs=1e-4)
    assert all(len(line.get_xdata()) == 3 for line in (*of_pretrain.lines, *of_b.lines[:3]))
    assert [line.get_ydata()[0] for line in of_zste.lines if line.get_linestyle() == ":"] == pytest.approx([2, 30, 20])
