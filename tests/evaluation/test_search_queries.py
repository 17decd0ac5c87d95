"""Sets of composed search hold the near misses of their queries; truth, written out once more, agrees."""

import itertools
import re

import numpy as np
import pytest

from teminal.evaluation.search_queries import (
    OUTCOMES,
    ask_queries,
    find_outcome,
    find_unseen,
    is_true,
    tabulate_outcomes,
)
from teminal.sampling.search import SET_SIZE, draw_search_sets, drawn_search_clips
from teminal.scenes import in_groups

from .search_sets import CLASSES, N_SETS, labelled_bank

EACH = dict.fromkeys(OUTCOMES, 2 * N_SETS)


def heard(entry):
    """Label, onset and end of each sound, from the composition alone."""
    composition = entry.composition
    labels = [CLASSES[clip // 3].replace("_", " ") for clip in composition.clips]
    slots = composition.layout.slots or [(10 / len(labels) * n, 10 / len(labels)) for n in range(len(labels))]
    if composition.variant == "single":
        return [(labels[0], 0, 10)]
    if composition.variant == "overlay":
        return [(label, 0, 10) for label in labels]
    if composition.variant == "reversed":
        labels = labels[::-1]
    if composition.order:
        labels = [labels[clip] for clip in composition.order]
    return [(label, onset, onset + length) for label, (onset, length) in zip(labels, slots, strict=True)]


def is_true_of(text, sounds):
    """Read a query and listen for it."""
    text = re.fullmatch(r"This is a sound of (.*)\.", text)[1]
    time = {label: (onset, end) for label, onset, end in sounds}
    if " then " in text:
        asked = text.split(" then ")
        if not all(label in time for label in asked):
            return False
        return all(time[one][1] <= time[other][0] for one, other in itertools.pairwise(asked))
    for word in (" without ", " while ", " before ", " after "):
        if word in text:
            break
    x, y = text.split(word)
    if word == " without ":
        return x in time and y not in time
    lengths = [re.match("a (short|long) ", side) for side in (x, y)]
    x, y = (re.sub("^a (short|long) ", "", side) for side in (x, y))
    if x not in time or y not in time:
        return False
    if word == " while ":
        return time[x] == time[y]
    if word == " after ":
        x, y = y, x
    length_x, length_y = time[x][1] - time[x][0], time[y][1] - time[y][0]
    if lengths[0] and not (length_y > 1.9 * length_x if lengths[0][1] == "short" else length_x > 1.9 * length_y):
        return False
    return time[x][1] <= time[y][0]


def test_truth_is_what_one_hears(queries, entries):
    n_true = 0
    for query in queries:
        found = [is_true(query, entry) for entry in entries]
        assert found == [is_true_of(query.text, heard(entry)) for entry in entries]
        n_true += sum(found)
    assert n_true > 2 * len(queries)  # few classes: sets share their sounds


def test_each_set_has_targets_and_near_misses(sets):
    for drawn in sets:
        entries = drawn.entries()
        assert len(entries) == len({entry.composition for entry in entries}) == SET_SIZE
        assert {entry.composition.layout.duration_s for entry in entries} == {10}
        outcomes = {}
        for query in ask_queries(drawn):
            found = [find_outcome(query, entry) for entry in entries]
            assert set(found) <= set(OUTCOMES[query.kind])
            outcomes.setdefault(query.kind, []).append(found)
        assert {kind: len(found) for kind, found in outcomes.items()} == dict.fromkeys(OUTCOMES, 2)
        for found in outcomes["order"]:
            assert {"right", "other_order", "at_once", "one_exchanged"} <= set(found)
        for found in outcomes["overlap"]:
            assert found.count("in_turn") >= 2
            assert {"right", "one_exchanged"} <= set(found)
        for found in outcomes["order_of_three"]:
            assert found.count("other_order") == 2
            assert {"right", "at_once", "one_exchanged"} <= set(found)
        for found in outcomes["negation"]:
            assert found.count("right") >= 4
            assert found.count("both_heard") >= 3
        for found in outcomes["duration"]:
            assert set(found) >= set(OUTCOMES["duration"])


def test_outcomes_by_example(sets):
    drawn = sets[0]
    x, y, z = drawn.of_two.labels
    order, overlap, other_order, other_overlap, without, *_ = ask_queries(drawn)
    assert order.text == f"This is a sound of {x} before {y}.".replace("_", " ")
    assert other_order.text == f"This is a sound of {x} after {z}.".replace("_", " ")
    alone, forward, backward, both, *exchanged = drawn.entries()[:7]
    of_order = ["other", "right", "other_order", "at_once", "one_exchanged", "other", "other"]
    assert [find_outcome(order, entry) for entry in (alone, forward, backward, both, *exchanged)] == of_order
    of_overlap = ["other", "in_turn", "in_turn", "right", "other", "other", "one_exchanged"]
    assert [find_outcome(overlap, entry) for entry in drawn.entries()[:7]] == of_overlap
    of_other = ["other", "one_exchanged", "right"]
    assert [find_outcome(other_order, entry) for entry in (forward, backward, exchanged[1])] == of_other
    assert find_outcome(other_overlap, exchanged[2]) == "right"
    of_negation = ["right", "both_heard", "both_heard", "both_heard", "right", "right", "right"]
    assert [find_outcome(without, entry) for entry in drawn.entries()[:7]] == of_negation


def test_both_wordings_of_order_and_both_lengths_are_asked_equally_often(queries):
    texts = [query.text for query in queries]
    assert sum(" after " in text for text in texts) == N_SETS
    assert sum("a short" in text and " before a long" in text for text in texts) == N_SETS
    assert {kind: sum(query.kind == kind for query in queries) for kind in OUTCOMES} == EACH


def test_table_of_outcomes(queries, entries):
    table = tabulate_outcomes(queries, entries)
    assert table.dtype == np.int8
    for query, row in zip(queries, table.tolist(), strict=True):
        assert [OUTCOMES[query.kind][index] for index in row] == [find_outcome(query, entry) for entry in entries]


def test_sets_are_seeded_and_their_clips_known(sets, entries):
    bank = labelled_bank()
    assert draw_search_sets(bank, N_SETS, 0) == sets
    assert draw_search_sets(bank, N_SETS + 1, 0)[:N_SETS] == sets
    assert draw_search_sets(bank, N_SETS, 1) != sets
    assert drawn_search_clips(bank, N_SETS, 0) == {clip for entry in entries for clip in entry.composition.clips}


def test_variants_of_a_group_are_side_by_side(sets):
    groups = in_groups(entry.composition for entry in sets[0].entries())
    assert [len(group) for group in groups] == [4, 3, 4, 4, 2, 3, 1, 1]


def test_too_few_classes():
    with pytest.raises(ValueError, match=r"test clips of cow, hen, rain only: composed search needs four classes"):
        draw_search_sets(labelled_bank(("cow", "hen", "rain")), 1, 0)


def test_unseen_queries_name_a_pair_that_never_meets(queries):
    unseen = {("cow", "hen"), ("frog", "wind")}
    expected = [any(set(pair) <= set(query.labels) for pair in unseen) for query in queries]
    assert find_unseen(queries, unseen).tolist() == expected
    assert 0 < sum(expected) < len(queries)
