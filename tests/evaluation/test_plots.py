"""Plots say what each code means, and how many questions were asked."""

from teminal.evaluation.plots import plot_against, plot_bars, plot_change, plot_pairs
from teminal.evaluation.statistics import Figures
from teminal.evaluation.tables import ZSTE_LABELS

from .test_tables import figures_of

pytest_plugins = ["tests.pictures"]


def test_heat_maps_of_pairs_show_how_many(drawn, tmp_path):
    pairs = [("dog", "rain"), ("dog", "rain"), ("rain", "dog"), ("wind", "dog")]
    plot_pairs(tmp_path / "x.png", pairs, [True, False, True, True], "ours")
    texts = {(text.get_position(), text.get_text()) for text in drawn[0].axes[0].texts}
    assert texts == {((1, 0), "2"), ((0, 1), "1"), ((0, 2), "1")}


def test_bars_and_arrows_say_what_each_code_means(drawn, tmp_path):
    zste = {name: figures_of(dict.fromkeys(ZSTE_LABELS, value)) for name, value in {"base": 0.4, "after": 0.6}.items()}
    plot_bars(tmp_path / "x.png", zste, "ZSTE")
    plot_change(tmp_path / "x.png", zste, "ZSTE")
    for page in drawn:
        assert page.get_size_inches()[0] == 7
        page.canvas.draw()
        labels = page.axes[0].get_yticklabels()
        assert [label.get_text() for label in labels] == list(ZSTE_LABELS.values())
        boxes = [label.get_window_extent() for label in labels]
        assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
        assert {text.get_text() for text in page.legends[0].get_texts()} >= {"base", "chance"}


def test_accuracy_against_few_and_equal_values(tmp_path):
    zste = {name: Figures({"3A_chance": 0.5}) for name in ("a", "b")}
    zste["a"].right, zste["b"].right = {"3A": [True, False, True]}, {"3A": [True] * 3}
    plot_against(tmp_path / "few.png", [0.0, 0.0, 0.3], zste, "gap", "3A")
    assert (tmp_path / "few.png").is_file()
