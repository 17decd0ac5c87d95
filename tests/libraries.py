"""Libraries that not every machine has."""

import pytest

from teminal.evaluation.checkpoints import require_library


def library(name):
    """The library, or the test is skipped where it does not import."""
    try:
        return require_library(name, name)
    except ValueError as error:
        pytest.skip(str(error))
