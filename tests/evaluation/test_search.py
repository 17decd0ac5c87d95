"""Composed search by the command: several models, tables and pictures, and what is wrong."""

import json

import numpy as np
import pytest
from matplotlib import pyplot

from teminal.evaluation.search_figures import MEANS, METRICS
from teminal.evaluation.search_plots import plot_confusion, plot_kinds
from teminal.evaluation.search_queries import OUTCOMES

from ..conftest import run_here
from ..stock import save_stock_clap
from ..tones import save_clap


def test_two_models_on_the_same_compositions(tiny_clap, tmp_path):
    models = save_clap(tiny_clap, tmp_path / "model"), save_stock_clap(tiny_clap, tmp_path / "stock")
    flags = ("--model_name_or_path", *models, "--names", "ours", "stock, 50 %", "--source", "synthetic")
    flags += ("--n_compositions", 30, "--output_dir", tmp_path / "out", "--cache_dir", tmp_path / "cache")
    result = run_here("eval/run_search.py", *flags)
    assert result.returncode == 0, result.stderr
    assert "44 audios, 20 captions, 0 clips skipped" in result.stdout
    assert "order of three nDCG@10" in result.stdout
    tables = {f"{stem}.{suffix}" for stem in ("search", "confusion") for suffix in ("md", "tex", "csv")}
    pictures = {"search.png", "confusion-ours.png", "confusion-stock_ 50 _.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"search.json"} | tables | pictures
    report = json.loads((tmp_path / "out" / "search.json").read_text())
    assert report["data"]["folds"] == [5]
    assert (report["n_audios"], report["n_queries"], report["seed"]) == (44, 20, 0)
    assert {"torch", "transformers", "soxr"} <= set(report["versions"])
    ours, stock = report["results"].values()
    for name in (f"{kind}_{metric}" for kind in (*OUTCOMES, *MEANS) for metric in METRICS):
        low, high = ours[f"{name}_ci95"]
        assert 0 <= low <= ours[name] <= high <= 1
        assert 0 < ours[f"{name}_chance"] < 1
        assert report["differences"]["stock, 50 % - ours"][name]["difference"] == stock[name] - ours[name]
    assert ours["order_R@1_n"] == 4
    for confusion in report["confusion"].values():
        for kind, names in OUTCOMES.items():
            assert sum(confusion[f"{kind}_finds_{name}"] for name in names) == pytest.approx(1)
            assert sum(confusion[f"{kind}_finds_{name}_chance"] for name in names) == pytest.approx(1)
    markdown = (tmp_path / "out" / "confusion.md").read_text()
    assert "overlap finds in turn" in markdown
    assert "bold" not in markdown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--source", "synthetic", "--n_compositions", 0), "--n_compositions 0: must be finite and at least 1"),
        (("--source", "synthetic", "--folds", 7), "7"),
        (("--source", "clotho", "--captions_dir", "x", "--audio_dir", "x"), "x"),
    ],
)
def test_wrong_options_are_named(flags, message, tiny_clap, tmp_path):
    model = save_clap(tiny_clap, tmp_path / "model")
    result = run_here("eval/run_search.py", "--model_name_or_path", model, *flags)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("run_search.py: error: ")
    assert message in result.stderr


def test_too_few_classes_are_named(tiny_clap, esc50_dir, tmp_path):
    model = save_clap(tiny_clap, tmp_path / "model")
    flags = ("--model_name_or_path", model, "--esc50_dir", esc50_dir, "--folds", 2)
    result = run_here("eval/run_search.py", *flags)
    assert result.returncode == 1
    assert "siren, ticking, wind only: composed search needs four classes" in result.stderr


def test_bars_of_what_is_found_first_are_the_shares(tmp_path, monkeypatch):
    pages = []
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path: pages.append(figure))
    monkeypatch.setattr(pyplot, "close", lambda figure: None)
    confusion = {}
    for kind, names in OUTCOMES.items():
        shares = np.random.default_rng(len(kind)).dirichlet(np.ones(len(names)))
        confusion |= {f"{kind}_finds_{name}": share for name, share in zip(names, shares, strict=True)}
    plot_confusion(tmp_path / "x.png", confusion, "ours")
    bars = pages[0].axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([100 * share for share in confusion.values()])
    ends = {round(bar.get_y(), 2): bar.get_x() + bar.get_width() for bar in bars}
    assert list(ends.values()) == pytest.approx([100] * len(OUTCOMES))
    words = [text.get_text() for text in pages[0].legends[0].get_texts()]
    assert set(words) == {name.replace("_", " ") for names in OUTCOMES.values() for name in names}
    monkeypatch.undo()
    pyplot.close("all")


def test_a_picture_of_three_models(tmp_path):
    figures = {}
    for name in (f"{kind}_{metric}" for kind in (*OUTCOMES, *MEANS) for metric in METRICS):
        figures |= {name: 0.5, f"{name}_ci95": [0.4, 0.6], f"{name}_chance": 0.01}
    plot_kinds(tmp_path / "x.png", dict.fromkeys(("base", "A", "B"), figures))
    assert (tmp_path / "x.png").stat().st_size > 10_000
