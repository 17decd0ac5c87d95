"""A Hub that is out of reach costs one question, not a minute of retries; one that is there is asked once, too."""

import logging
import os
import sys
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from teminal.evaluation.libraries import SentenceEncoder
from teminal.hub import use_cache_if_hub_is_away

from .hub import Hub


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    if "datasets" in sys.modules:
        monkeypatch.setattr(sys.modules["datasets"].config, "HF_HUB_OFFLINE", False)
    return monkeypatch


@pytest.fixture
def unreachable(online):
    online.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    return online


def test_an_unreachable_hub_is_asked_once_and_then_left_alone(unreachable, caplog):
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


def test_a_hub_that_is_there_is_asked_once(online):
    with Hub() as hub:
        online.setattr(constants, "ENDPOINT", hub.url)
        for name in ("me/x", "me/y", "me/x"):
            use_cache_if_hub_is_away(name)
    assert hub.requests == ["HEAD /"]
    assert not constants.is_offline_mode()


def test_sentence_transformers_do_not_wait_either(unreachable):
    asked = []

    def load(name):
        asked.append(constants.is_offline_mode())
        raise OSError(f"{name} is not in the cache")

    unreachable.setattr(
        "teminal.evaluation.libraries.require_library", lambda *names: SimpleNamespace(SentenceTransformer=load)
    )
    with pytest.raises(OSError, match="me/x is not in the cache"):
        SentenceEncoder("me/x")
    assert asked == [True]
