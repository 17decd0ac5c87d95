"""Test how a configuration is saved, and what a resumed run may change."""

import pytest

from teminal.training.config import TrainingConfig
from teminal.training.stages import STAGES, StageConfig


@pytest.fixture
def config():
    return TrainingConfig(
        model_name_or_path="clap", stages=["A,B"], A=StageConfig(learning_rate=0.5), esc50_dir="here"
    )


def test_files_keep_the_stages_that_run(config):
    kept = config.as_dict()
    assert list(kept["stage"]) == config.stages == ["A", "B"]
    assert kept["stage"]["A"]["learning_rate"] == 0.5
    assert not kept.keys() & set(STAGES)


def test_a_resumed_run_may_change_places_and_reports_alone(config):
    fixed = config.fixed_settings()
    assert fixed["A.learning_rate"] == 0.5
    free = {"config", "output_dir", "resume_from_checkpoint", "save_steps", "save_total_limit", "logging_steps"}
    free |= {"report_to", "push_to_hub", "hub_model_id", "hub_private_repo", "dry_run", "dataloader_num_workers"}
    free |= {"esc50_dir", "dataset_name", "captions_dir", "audio_dir", "license", "attribution"}
    assert config.as_dict().keys() - fixed.keys() == free | {"stage"}


def test_a_configuration_checks_itself():
    with pytest.raises(ValueError, match="--beta -1: must be finite and at least 0"):
        TrainingConfig(model_name_or_path="clap", beta=-1)
    with pytest.raises(ValueError, match=r"--B\.replay_weight 1\.0 needs a replay_batch_size"):
        TrainingConfig(model_name_or_path="clap", B=StageConfig(replay_weight=1.0))
    with pytest.raises(ValueError, match="without --model_name_or_path"):
        TrainingConfig()
