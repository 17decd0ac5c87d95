"""Tables and pictures for papers: the best in bold, differences with intervals, what each code means, how many."""

import re

from eval.zste.zste import MEANS, SUBTASKS
from teminal.evaluation.tables import ZSTE_LABELS, difference_table, result_table, to_latex, to_markdown, write_tables


def figures_of(values: dict[str, float]) -> dict:
    found = {}
    for key, value in values.items():
        found |= {key: value, f"{key}_ci95": [value - 0.02, value + 0.02], f"{key}_chance": 0.5, f"{key}_n": 10}
    return found


RESULTS = {
    "A & B": figures_of({"3A": 0.5, "median_rank": 3.0}),
    "ours|*": figures_of({"3A": 0.75, "median_rank": 7.0}),
}
NAMES = ["3A", "median_rank"]
DIFFERENCES = {
    "ours - A": {
        "3A": {"difference": 0.25, "ci95": [0.1, 0.4]},
        "median_rank": {"difference": 4.0, "ci95": [-1.0, 8.0]},
    }
}


def test_the_best_is_bold_and_names_are_escaped():
    head, rules, *rows = to_markdown(result_table(RESULTS, NAMES, "**{}**")).splitlines()
    assert re.split(r"\s*\|\s+|\s+\|", head)[1:] == ["", "chance", "A & B", r"ours\|\*", ""]
    assert re.fullmatch(r"\|:-+(\|-+:){3}\|", rules)
    assert [re.split(r"\s*\|\s*", row)[1:-1] for row in rows] == [
        ["order, said with “before” (3A)", "50.00", "50.0 (48.0 to 52.0)", "**75.0 (73.0 to 77.0)**"],
        ["median rank", "0.50", "**3.0 (3.0 to 3.0)**", "7.0 (7.0 to 7.0)"],
    ]
    latex = to_latex(result_table(RESULTS, NAMES, r"\textbf{{{}}}"))
    assert r" & chance & A \& B & ours|* \\" in latex
    assert r"(3A) & 50.00 & 50.0 (48.0 to 52.0) & \textbf{75.0 (73.0 to 77.0)} \\" in latex
    assert "**" not in to_markdown(result_table({"A": RESULTS["A & B"]}, NAMES, "**{}**"))


def test_differences_stand_below_with_interval_and_star(tmp_path):
    assert list(difference_table(DIFFERENCES)["ours - A"]) == ["+25.0 (+10.0 to +40.0)*", "+4.0 (-1.0 to +8.0)"]
    write_tables(tmp_path, "t", RESULTS, DIFFERENCES, "In %.")
    markdown, latex = (tmp_path / "t.md").read_text(), (tmp_path / "t.tex").read_text()
    assert "In %. Best in bold." in markdown
    assert r"In \%. Best in bold." in latex
    for text in (markdown, latex):
        assert text.count("Differences in points, of ranks as they are. ") == text.count("excludes 0.") == 1
        assert "+25.0 (+10.0 to +40.0)" in text
    of_order = {name: {key: value for key, value in of.items() if "3A" in key} for name, of in RESULTS.items()}
    write_tables(tmp_path, "t", of_order, {"ours - A": {"3A": DIFFERENCES["ours - A"]["3A"]}}, "In %.")
    assert "Differences in points. " in (tmp_path / "t.md").read_text()


def test_every_code_has_a_meaning_beside_it():
    assert set(ZSTE_LABELS) == {*SUBTASKS, *MEANS}
    for code in SUBTASKS:
        assert re.fullmatch(rf".{{8,}} \({code}\)", ZSTE_LABELS[code])
