"""Turn scores as JSON or CSV into a table of figures."""

import csv
import io
import json

from evaluate import EvaluationModule

COLUMNS = ("predictions", "references", "tasks", "groups")  # the last may be left out
HEADERS = ["figure", "accuracy", "95 % interval", "chance", "examples", "seen", "unseen"]


def read_scores(text: str) -> dict[str, list]:
    """Read the metric's inputs from a JSON object of lists, or a CSV table with a row per example and lists in JSON.

    Raises:
        ValueError: it is neither, or columns are unknown or missing.
    """
    text = text.strip()
    if not text:
        raise ValueError("nothing to score: paste JSON or CSV, or choose a file")
    try:
        inputs = json.loads(text) if text.startswith("{") else read_csv(text)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"neither JSON nor CSV as in the examples: {error}") from error
    wrong = [*(set(inputs) - set(COLUMNS)), *(set(COLUMNS[:3]) - set(inputs))]
    if wrong:
        raise ValueError(f"unknown or missing: {', '.join(map(str, sorted(wrong, key=str)))}; {COLUMNS} are known")
    no_lists = [name for name, values in inputs.items() if not isinstance(values, list)]
    if no_lists:
        raise ValueError(f"{', '.join(no_lists)}: must be a list, with one entry for each example")
    return inputs


def read_csv(text: str) -> dict[str, list]:
    rows = list(csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True))
    short = next((number for number, row in enumerate(rows, start=2) if None in row or None in row.values()), None)
    if not rows or short:
        raise ValueError(f"line {short or 2} has more or fewer cells than the header")
    inputs = {name: [row[name] for row in rows] for name in rows[0]}
    return {name: [*map(json.loads, cells)] if name in COLUMNS[:2] else cells for name, cells in inputs.items()}


def score_table(metric: EvaluationModule, text: str) -> list[list[str]]:
    """Make a row for each figure with the cells of `HEADERS`, accuracies in percent; "" for missing ones.

    Raises:
        ValueError: see [`read_scores`] and the metric.
    """
    result = metric.compute(**read_scores(text))

    def percent(key):
        return f"{100 * result[key]:.2f}" if key in result else ""

    rows = []
    for name in (key.removesuffix("_ci95") for key in result if key.endswith("_ci95")):
        low, high = result[f"{name}_ci95"]
        interval = f"{100 * low:.2f} to {100 * high:.2f}"
        seen_unseen = [percent(f"{name}_seen"), percent(f"{name}_unseen")]
        rows.append([name, percent(name), interval, percent(f"{name}_chance"), str(result[f"{name}_n"]), *seen_unseen])
    return rows
