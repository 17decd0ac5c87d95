"""Ask about order in each held-out wording by itself, and tell whether all wordings give the same answer."""

from dataclasses import replace

import numpy as np

from teminal.captions import DEFAULT, HELD_OUT, say
from teminal.evaluation.score import CosineTable, chance_level, is_right
from teminal.evaluation.statistics import Figures, resample
from teminal.evaluation.zste_questions import Example
from teminal.scenes import Caption

N_SCENES = 200
# Each names the earlier sound {0}. The held-out wordings of "after" are the same sentences again.
DEFAULT_ORDERS = [DEFAULT["before"], DEFAULT["after"].format("{1}", "{0}")]
HELD_OUT_ORDERS = [*HELD_OUT["before"], *HELD_OUT["sentence"]]
ORDER_BESIDE_WHILE = HELD_OUT["before"][0]
OF_OVERLAYS = ", of overlays"
LEGEND = (
    "Accuracy in % with 95 % bootstrap interval over scenes; ties lose. Each wording of an order is asked by itself, "
    "like 5A, each of “while” like 5B, beside both orders in one wording, and once more of overlays alone. "
    "Consistency: scenes of which all wordings tell the same order, right or wrong."
)


def name_wording(template: str) -> str:
    """Name a wording: as it is said of x before y, or of x while y."""
    return template.format("x", "y")


def build_wording_examples(examples: list[Example]) -> list[Example]:
    """Ask the questions of 3A and 3C, of the first 200 scenes, in each wording; `task` is its name."""
    reworded = []
    for example in [example for example in examples if example.task == "3A"][:N_SCENES]:
        for template in DEFAULT_ORDERS + HELD_OUT_ORDERS:
            reworded.append(replace(example, task=name_wording(template), candidates=_say_orders(template, example)))
    for example in [example for example in examples if example.task == "3C"][:N_SCENES]:
        orders = _say_orders(ORDER_BESIDE_WHILE, example)
        for template in HELD_OUT["while"]:
            at_once = say(Caption("while", _in_forward_order(example)), template)
            reworded.append(replace(example, task=name_wording(template), candidates=(*orders, at_once)))
    return reworded


def _in_forward_order(example: Example) -> tuple[str, ...]:
    """Return the two sounds in the order of the forward variant, which is the first candidate of 3A and 3C."""
    return example.labels[::-1] if example.audios[0].variant == "reversed" else example.labels


def _say_orders(template: str, example: Example) -> tuple[str, str]:
    x, y = _in_forward_order(example)
    return say(Caption("before", (x, y)), template), say(Caption("before", (y, x)), template)


def score_wordings(examples: list[Example], table: CosineTable, seed: int) -> Figures:
    """Compute the accuracy of each wording under its name, and of those of *while* also of overlays alone.

    `consistency` is the share of scenes of which all wordings of an order give the same answer, right or wrong, and
    `consistency_held_out` that of the held-out wordings alone; ties are no answer.

    Args:
        examples: of [`build_wording_examples`].
        seed: of the bootstrap.
    """
    figures = Figures()
    asked: dict[str, list[Example]] = {}
    for example in examples:
        asked.setdefault(example.task, []).append(example)
    for name, of_wording in asked.items():
        _add_accuracy(figures, name, of_wording, table, seed)
    for name in map(name_wording, HELD_OUT["while"]):
        overlays = [example for example in asked[name] if example.audios[0].variant == "overlay"]
        if overlays:
            _add_accuracy(figures, f"{name}{OF_OVERLAYS}", overlays, table, seed)
    for name, templates in (
        ("consistency", DEFAULT_ORDERS + HELD_OUT_ORDERS),
        ("consistency_held_out", HELD_OUT_ORDERS),
    ):
        scores = np.array([[table.read(example) for example in asked[name_wording(of)]] for of in templates])
        answers = np.sign(scores[..., 0] - scores[..., 1])  # (wordings, scenes): which order wins, 0 for a tie
        is_same = np.abs(answers.sum(0)) == len(templates)
        figures.add(name, is_same.mean(), _resample(is_same, seed), len(is_same), chance=2 * 0.5 ** len(templates))
    return figures


def _add_accuracy(figures: Figures, name: str, examples: list[Example], table: CosineTable, seed: int) -> None:
    right = np.array([is_right("all", table.read(example), list(example.right)) for example in examples])
    chance = chance_level("all", len(examples[0].candidates), len(examples[0].right))
    figures.add(name, right.mean(), _resample(right, seed), len(right), chance)


def _resample(right: np.ndarray, seed: int) -> np.ndarray:
    """Compute the share of `right` (n,) in each bootstrap sample."""
    return resample(len(right), seed) @ right / len(right)
