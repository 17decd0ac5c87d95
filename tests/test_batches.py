import numpy as np
import pytest
import torch

from dataset_scripts.scenes import holds, split_pairs
from training.batches import BatchComposer
from training.recipe import StageSettings

SETTINGS = StageSettings(per_device_train_batch_size=6, replay_batch_size=4)


@pytest.fixture
def composer(bank, tiny_clap):
    def build(stage, settings=SETTINGS, rank=0, n_ranks=1):
        extractor = tiny_clap[1].feature_extractor
        return BatchComposer(bank, extractor, stage, settings, seed=3, rank=rank, n_ranks=n_ranks)

    return build


@pytest.mark.parametrize("stage", ["pretrain", "A", "B"])
def test_every_pair_is_true_and_of_seen_classes(composer, bank, stage):
    seen, _ = split_pairs(bank.classes)
    batch_composer = composer(stage)
    for i in range(40):
        for pair in batch_composer.draw_group(np.random.default_rng(i), 0):
            assert holds(pair.caption, pair.scene)
            heard = {bank.labels[clip] for clip in pair.audio.clips}
            if pair.audio.variant == "single":
                assert pair.scene.labels == (bank.labels[pair.audio.clips[0]],)
            else:
                assert heard == set(pair.scene.labels)
            if len(pair.scene.labels) == 2:
                assert tuple(sorted(pair.scene.labels)) in seen


def test_stage_b_says_after_of_forward_and_of_reversed(composer):
    batch_composer = composer("B")
    said = {
        (pair.audio.variant, pair.caption.relation)
        for i in range(40)
        for pair in batch_composer.draw_group(np.random.default_rng(i), 0)
    }
    assert said == {
        ("single", "single"),
        ("forward", "before"),
        ("forward", "after"),
        ("reversed", "before"),
        ("reversed", "after"),
        ("overlay", "while"),
    }


@pytest.mark.parametrize("stage", ["pretrain", "A", "B"])
def test_two_processes_get_the_halves_of_the_one_process_batch(composer, stage):
    whole = composer(stage)(5)
    halved = StageSettings(per_device_train_batch_size=3, replay_batch_size=2)
    halves = [composer(stage, halved, rank, 2)(5) for rank in range(2)]
    assert halves[0].texts + halves[1].texts == whole.texts
    assert torch.equal(torch.cat([half.replay_class for half in halves]), whole.replay_class)
    for half in halves:
        assert all(torch.equal(half.truth[name], whole.truth[name]) for name in whole.truth)
    n_own = [int(half.audio_rows.max()) + 1 for half in halves]
    pieces = [halves[0].features[: n_own[0]], halves[1].features[: n_own[1]]]
    pieces += [halves[0].features[n_own[0] :], halves[1].features[n_own[1] :]]
    assert torch.equal(torch.cat(pieces), whole.features)


def test_a_batch_depends_on_seed_stage_and_step_alone(composer):
    first, again, other = composer("B")(2), composer("B")(2), composer("B")(3)
    assert torch.equal(first.features, again.features)
    assert first.texts == again.texts
    assert not torch.equal(first.features, other.features)
