"""Fixtures to publish small builds on a Hub on localhost."""

import time

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import disable_progress_bars

from teminal.dataset.publish import push_config
from teminal.hub import check_hub_access

from .built import ID, make_build
from .hub import Hub


@pytest.fixture
def hub():
    with Hub() as hub:
        yield hub


@pytest.fixture
def push(hub, tmp_path, monkeypatch):
    """Publish configs of `sounds` as the command line does: the URL of the last commit, or what the user is told."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "hf_dummy")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    disable_progress_bars()  # their threads would write after pytest's summary

    def push(*configs: str, private: bool = False, hub_dataset_id: str = ID) -> str:
        try:
            check_hub_access("--hub_dataset_id", hub_dataset_id, "dataset", private)
            return [push_config(tmp_path / "sounds", config, hub_dataset_id) for config in configs][-1]
        except (ValueError, OSError) as error:
            return f"error: {error}"

    return push


@pytest.fixture
def build(tmp_path):
    """Make a finished build of a config."""

    def build(config: str, **options) -> dict:
        report = make_build(tmp_path / "sounds", config, **options)
        (tmp_path / "sounds" / config / "group.png").write_bytes(b"a picture")
        return report

    return build
