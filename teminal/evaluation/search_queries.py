"""Ask the queries of composed search, and tell of which compositions they are true and how the others miss."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from teminal.captions import say, say_for_search
from teminal.evaluation.zste_questions import Pairs
from teminal.sampling.search import Entry, SearchSet
from teminal.scenes import Caption, holds

# kind of query -> what a composition can be to it; a tie goes to the first wrong one of those tied
OUTCOMES = {
    "order": ("right", "other_order", "at_once", "one_exchanged", "other"),
    "overlap": ("right", "in_turn", "one_exchanged", "other"),
    "order_of_three": ("right", "other_order", "at_once", "one_exchanged", "other"),
    "negation": ("right", "both_heard", "other"),
    "duration": ("right", "other_lengths", "other_order", "at_once", "one_exchanged", "other"),
}


@dataclass(frozen=True)
class Query:
    """A query and its meaning.

    Attributes:
        kind: of `OUTCOMES`.
        labels: in order of onset (any order for "overlap"); of "negation" the sound that is heard, then the one that
            is not.
        shorter: of "duration", which of the two, 0 or 1, lasts at most half as long as the other.
        set_number: of the set that the query was asked of.
    """

    kind: str
    labels: tuple[str, ...]
    text: str
    set_number: int
    shorter: int = 0


def ask_queries(drawn: SearchSet) -> list[Query]:
    """Ask two queries of each kind. Of two sounds in order, one is said with "before" and one with "after"."""
    number, (x, y, z) = drawn.number, drawn.of_two.labels
    queries = []
    for labels, says_after in (((x, y), number % 2 == 1), ((z, x), number % 2 == 0)):
        order = Caption("after", labels[::-1]) if says_after else Caption("before", labels)
        queries.append(Query("order", labels, say(order), number))
        queries.append(Query("overlap", labels, say(Caption("while", labels)), number))
    for absent in (y, z):
        queries.append(Query("negation", (x, absent), say_for_search("negation", (x, absent)), number))
    for triple in drawn.triples():
        queries.append(Query("order_of_three", triple.labels, say(Caption("then", triple.labels)), number))
    pair = drawn.of_lengths.labels[:2]
    for shorter, wording in enumerate(("short_before_long", "long_before_short")):
        queries.append(Query("duration", pair, say_for_search(wording, pair), number, shorter))
    return queries


def is_true(query: Query, entry: Entry) -> bool:
    """Tell whether a query is true of a composition; [`holds`] says so, durations and negation are added to it."""
    labels, scene = query.labels, entry.scene
    if query.kind == "overlap":
        return holds(Caption("while", labels), scene)
    if query.kind == "negation":
        heard, absent = (holds(Caption("single", (label,)), scene) for label in labels)
        return heard and not absent
    if not holds(Caption("then", labels), scene):
        return False
    if query.kind != "duration":
        return True
    durations_s = entry.durations_s()
    return 2 * durations_s[labels[query.shorter]] <= durations_s[labels[1 - query.shorter]]


def find_outcome(query: Query, entry: Entry) -> str:
    """Tell what a composition is to a query: "right", or in which way it misses, see `OUTCOMES`."""
    if is_true(query, entry):
        return "right"
    are_all_heard = set(query.labels) <= set(entry.scene.labels)
    if query.kind == "negation":
        return "both_heard" if are_all_heard else "other"
    if are_all_heard and entry.scene.relation == "overlay":
        return "at_once"
    if are_all_heard and query.kind == "overlap":
        return "in_turn"
    if are_all_heard:
        return "other_lengths" if holds(Caption("then", query.labels), entry.scene) else "other_order"
    return "one_exchanged" if _is_true_of_another(query, entry) else "other"


def _is_true_of_another(query: Query, entry: Entry) -> bool:
    """Tell whether a query would be true, and all that is heard, with one of its sounds exchanged."""
    others = set(entry.scene.labels) - set(query.labels)
    if len(others) != 1 or len(entry.scene.labels) != len(query.labels):
        return False
    (other,) = others
    for place in range(len(query.labels)):
        labels = (*query.labels[:place], other, *query.labels[place + 1 :])
        if is_true(replace(query, labels=labels), entry):
            return True
    return False


def tabulate_outcomes(queries: Sequence[Query], entries: Sequence[Entry]) -> np.ndarray:
    """Tabulate [`find_outcome`]: (queries, entries) int8, indices into `OUTCOMES` of the kind of query; 0 is right."""
    with_label: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        for label in entry.scene.labels:
            with_label.setdefault(label, []).append(number)
    table = np.empty((len(queries), len(entries)), np.int8)
    for row, query in enumerate(queries):
        names = OUTCOMES[query.kind]
        table[row] = names.index("other")
        for number in set(itertools.chain.from_iterable(with_label.get(label, ()) for label in query.labels)):
            table[row, number] = names.index(find_outcome(query, entries[number]))
    return table


def find_unseen(queries: Sequence[Query], unseen_pairs: Pairs) -> np.ndarray:
    """Tell which queries name two classes of which [`split_pairs`] says that they never meet: (queries,) bool."""
    return np.array(
        [not unseen_pairs.isdisjoint(itertools.combinations(sorted(query.labels), 2)) for query in queries]
    )
