"""Cache folders that cannot be written: a temporary one is used, and nothing is lost after the work."""

import logging
import os
import stat
import tempfile
from pathlib import Path

import datasets
import numpy as np
import pytest
from huggingface_hub import constants

from teminal import files as caches
from teminal.clips import build_bank
from teminal.evaluation.embeddings import Embedder
from teminal.evaluation.score import distinct_audios, distinct_captions, score_cosines
from teminal.evaluation.zste_dataset import load_scenes
from teminal.evaluation.zste_questions import build_examples
from teminal.sources import load_clips

from .conftest import run_here
from .evaluation.test_embeddings import Counting


@pytest.fixture
def unwritable(tmp_path, monkeypatch):
    """Every cache is below a regular file, where even root makes no folder; temporary folders are of this test."""
    home = tmp_path / "file" / "home"
    home.parent.write_text("")
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(home / "assets"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
    for name in ("HF_METRICS_CACHE", "HF_MODULES_CACHE"):
        monkeypatch.setattr(f"evaluate.config.{name}", str(home / name))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    caches.writable_or_temporary.cache_clear()
    yield home
    caches.writable_or_temporary.cache_clear()


def test_clips_and_embeddings_go_to_a_temporary_folder_with_one_warning_each(unwritable, tmp_path, caplog):
    clips = [clip for clip in load_clips("synthetic", [1]) if clip.audio.number % 1000 < 1]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            bank = build_bank(clips)
            model = Counting()
            assert Embedder(model).embed_text(["a dog"]).tolist() == [[5, 1]]
    assert model.read == []  # the second time it is known
    assert len(bank.clips) == len(clips)
    warnings = [record.getMessage() for record in caplog.records if "cannot be written" in record.getMessage()]
    assert len(warnings) == 2
    assert all(str(unwritable) in warning and str(tmp_path / "tmp") in warning for warning in warnings)
    (shared,) = (tmp_path / "tmp").iterdir()
    assert stat.S_IMODE(shared.stat().st_mode) == 0o700


def test_zste_is_computed_without_a_cache(unwritable, bank):
    examples = build_examples(bank, 3, seed=0)
    cosines = np.zeros((len(distinct_audios(examples)), len(distinct_captions(examples))))
    assert score_cosines(examples, cosines)["zste"] == 0


def test_scenes_of_a_dataset_are_read(unwritable, built_scenes):
    examples, _ = load_scenes(str(built_scenes), seed=0)
    assert {example.task for example in examples} >= {"1A", "3A", "5D"}


@pytest.fixture(scope="module")
def built_scenes(esc50_dir, tmp_path_factory):
    output_dir = tmp_path_factory.mktemp("scenes")
    flags = ("--config_name", "zste", "--n_groups", 4, "--n_task6_groups", 0, "--three_event_share", 0.5)
    flags += ("--num_proc", 1)
    source = ("--source", "esc50", "--esc50_dir", esc50_dir, "--test_folds", 2, "--validation_folds")
    result = run_here("dataset_scripts/build_dataset.py", *source, "--output_dir", output_dir, *flags)
    assert result.returncode == 0, result.stderr
    return output_dir


@pytest.mark.skipif(os.name != "posix", reason="folders have no owner")
def test_a_temporary_folder_of_somebody_else_is_refused(unwritable, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: Path.home().stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to somebody else: set TMPDIR"):
        caches.assets_folder("banks")


def test_a_folder_that_can_be_written_is_used_as_it_is(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path))
    assert caches.assets_folder("banks") == tmp_path / "teminal" / "banks" / "default"
    assert list(caches.assets_folder("banks").iterdir()) == []
