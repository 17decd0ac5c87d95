"""Sets of composed search, what is searched, and what is asked."""

import pytest

from teminal.evaluation.search_queries import ask_queries
from teminal.sampling.search import draw_search_sets

from .search_sets import N_SETS, labelled_bank


@pytest.fixture(scope="module")
def sets():
    return draw_search_sets(labelled_bank(), N_SETS, seed=0)


@pytest.fixture(scope="module")
def entries(sets):
    return [entry for drawn in sets for entry in drawn.entries()]


@pytest.fixture(scope="module")
def queries(sets):
    return [query for drawn in sets for query in ask_queries(drawn)]
