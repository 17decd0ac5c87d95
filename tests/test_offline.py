"""A Hub that is out of reach costs one question, not a minute of retries."""

import logging
import os
import sys

import pytest
from huggingface_hub import constants

from dataset_scripts.offline import use_cache_if_hub_is_away


@pytest.fixture
def unreachable(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return monkeypatch


def test_an_unreachable_hub_is_asked_once_and_then_left_alone(unreachable, caplog):
    if "datasets" in sys.modules:
        unreachable.setattr(sys.modules["datasets"].config, "HF_HUB_OFFLINE", False)
    with caplog.at_level(logging.WARNING):
        use_cache_if_hub_is_away(".")
        assert not constants.is_offline_mode()
        use_cache_if_hub_is_away("me/x")
        use_cache_if_hub_is_away("me/x")
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "http://127.0.0.1:1 cannot be reached"
    ]
    assert constants.is_offline_mode()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
