"""Libraries that not every machine has."""

import pytest

from teminal.evaluation.adapters import require


def library(name):
    """The library, or the test is skipped where it does not import."""
    try:
        return require(name, name)
    except ValueError as error:
        pytest.skip(str(error))
