"""Test what batches contain, and that they depend on seed, stage and step alone."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from teminal.sampling.training import TrainingSampler
from teminal.scenes import holds
from teminal.splits import split_pairs
from teminal.training.batches import BatchComposer, Truth
from teminal.training.stages import STAGES, StageConfig

SETTINGS = StageConfig(per_device_train_batch_size=6, replay_batch_size=4)
FREE = {"max_events": 4, "free_layout_share": 0.8, "event_weight": 1.0}
FREE_SETTINGS = StageConfig(per_device_train_batch_size=6, replay_batch_size=4, **FREE)


@pytest.fixture
def composer(bank, tiny_clap):
    def build(stage, settings=SETTINGS, rank=0, n_ranks=1):
        extractor = tiny_clap[1].feature_extractor
        return BatchComposer(TrainingSampler(bank), extractor, stage, settings, seed=3, rank=rank, n_ranks=n_ranks)

    return build


@pytest.mark.parametrize("settings", [SETTINGS, FREE_SETTINGS], ids=["usual", "free"])
@pytest.mark.parametrize("stage", ["pretrain", "A", "B", "joint"])
def test_every_pair_is_true_and_of_seen_classes(composer, bank, stage, settings):
    seen, _ = split_pairs(bank.classes)
    n_events, backgrounds = set(), 0
    for i in range(40):
        for pair in itertools.chain.from_iterable(composer(stage, settings).draw_groups(np.random.default_rng(i), 2)):
            assert holds(pair.caption, pair.scene)
            composition, labels = pair.composition, [bank.labels[clip] for clip in pair.composition.all_clips]
            for labels_of_pair in itertools.combinations(sorted(set(labels)), 2):
                assert labels_of_pair in seen
            if stage != "pretrain":
                background = labels[len(composition.clips) :]
                assert [pair.scene.background] == (background or [None])
                events = labels[: len(composition.clips)]
                ordered = {"single": events[:1], "reversed": events[::-1]}.get(composition.variant, events)
                if composition.order:
                    ordered = [events[event] for event in composition.order]
                assert pair.scene.labels == tuple(ordered)
                n_events.add(len(events))
                backgrounds += len(background)
    if stage != "pretrain":
        assert n_events == ({2, 3, 4} if settings is FREE_SETTINGS else {2})
        assert (backgrounds > 0) == (settings is FREE_SETTINGS)


def test_stage_b_says_after_of_forward_and_of_reversed(composer):
    groups = composer("B").draw_groups(np.random.default_rng(0), 40)
    said = {(pair.composition.variant, pair.caption.relation) for group in groups for pair in group}
    assert said == {
        ("single", "single"),
        ("forward", "before"),
        ("forward", "after"),
        ("reversed", "before"),
        ("reversed", "after"),
        ("overlay", "while"),
    }


def test_stage_b_contrasts_neighbouring_orders_of_three_and_four_events(composer):
    groups = composer("B", FREE_SETTINGS).draw_groups(np.random.default_rng(0), 40)
    for group in groups:
        sequences = [pair.scene.labels for pair in group if pair.scene.relation == "sequence"]
        forward = sequences[0]
        if len(forward) == 2:
            assert sequences == [forward, forward[::-1]]
            continue
        neighbours = [forward[:i] + forward[i : i + 2][::-1] + forward[i + 2 :] for i in range(len(forward) - 1)]
        assert sequences == [forward, forward[::-1], *neighbours]
        assert [pair.caption.relation for pair in group] == [
            "single",
            "then",
            "then",
            "while",
            *["then"] * len(neighbours),
        ]
        assert [pair.caption.labels for pair in group if pair.caption.relation == "then"] == sequences
        assert Truth(group).variant.tolist() == [0, 1, 2, 3, *[2] * len(neighbours)]
    assert {len(group) for group in groups} == {4, 6, 7}


@pytest.mark.parametrize("max_events", [2, 4])
@pytest.mark.parametrize("stage", ["pretrain", "A", "B", "joint"])
def test_two_processes_get_the_halves_of_the_one_process_batch(composer, stage, max_events):
    whole = composer(stage, StageConfig(per_device_train_batch_size=6, replay_batch_size=4, max_events=max_events))[5]
    halved = StageConfig(per_device_train_batch_size=3, replay_batch_size=2, max_events=max_events)
    halves = [composer(stage, halved, rank, 2)[5] for rank in range(2)]
    assert halves[0].texts + halves[1].texts == whole.texts
    assert torch.equal(torch.cat([half.replay_targets for half in halves]), whole.replay_targets)
    assert [half.first_pair for half in halves] == [0, len(halves[0].texts)]
    assert whole.n_pairs == [len(whole.texts)]
    assert [half.n_pairs for half in halves] == [[len(half.texts) for half in halves]] * 2
    for half in halves:
        assert torch.equal(half.truth.group, whole.truth.group)
        assert torch.equal(half.truth.holds(), whole.truth.holds())
    n_own = [int(half.audio_rows.max()) + 1 for half in halves]
    pieces = [halves[0].features.windows[: n_own[0]], halves[1].features.windows[: n_own[1]]]
    pieces += [halves[0].features.windows[n_own[0] :], halves[1].features.windows[n_own[1] :]]
    assert torch.equal(torch.cat(pieces), whole.features.windows)


@pytest.mark.parametrize("stage", ["A", "B"])
def test_events_are_those_of_each_audio(composer, stage):
    whole = composer(stage, StageConfig(per_device_train_batch_size=6, replay_batch_size=4, event_weight=1.0))
    batch, groups = whole[0], whole.draw_groups(np.random.default_rng([whole.seed, STAGES.index(stage), 0]), 6)
    assert len(batch.event_holds) == len(batch.features) - 4
    for row, pair in zip(batch.audio_rows, (pair for group in groups for pair in group), strict=True):
        true = {f"This is a sound of {label}." for label in pair.scene.labels}
        chosen = np.array(batch.candidates)[batch.event_holds[row].numpy()]
        assert set(chosen) == {caption.replace("_", " ") for caption in true}


@pytest.mark.parametrize("stage", ["A", "B"])
def test_a_caption_names_its_own_classes_alone(composer, stage):
    settings = StageConfig(per_device_train_batch_size=6, max_events=3, naming_weight=1.0)
    whole = composer(stage, settings)
    batch, groups = whole[0], whole.draw_groups(np.random.default_rng([whole.seed, STAGES.index(stage), 0]), 6)
    pairs = list(itertools.chain.from_iterable(groups))
    assert batch.named.shape == (len(pairs), len(whole.sampler.bank.classes))
    for pair, named in zip(pairs, batch.named, strict=True):
        assert {batch.candidates[column] for column in named.nonzero()} == {
            f"This is a sound of {label.replace('_', ' ')}." for label in pair.caption.labels
        }
    if stage == "A":  # of three sounds "and" names two
        assert any(set(pair.caption.labels) < set(pair.scene.labels) for pair in pairs)


def test_a_batch_depends_on_seed_stage_and_step_alone(composer):
    first, again, other = composer("B")[2], composer("B")[2], composer("B")[3]
    assert torch.equal(first.features.windows, again.features.windows)
    assert first.texts == again.texts
    assert not torch.equal(first.features.windows, other.features.windows)


def test_weights_make_the_mean_of_two_processes_that_of_all_pairs(composer):
    halved = replace(FREE_SETTINGS, per_device_train_batch_size=3, replay_batch_size=2)
    whole = composer("B", FREE_SETTINGS)[1]
    halves = [composer("B", halved, rank, 2)[1] for rank in range(2)]
    assert len(halves[0].texts) != len(halves[1].texts)
    assert (whole.pair_weight, whole.audio_weight) == (1, 1)
    for half in halves:
        assert half.pair_weight * len(whole.texts) == pytest.approx(2 * len(half.texts))
        assert half.audio_weight * len(whole.event_holds) == pytest.approx(2 * len(half.event_holds))


def test_a_caption_that_names_the_background_is_no_negative(composer):
    pairs = list(itertools.chain.from_iterable(composer("B", FREE_SETTINGS).draw_groups(np.random.default_rng(0), 30)))
    expected = [
        [holds(other.caption, pair.scene) or pair.scene.background in other.caption.labels for other in pairs]
        for pair in pairs
    ]
    truth = Truth(pairs)
    assert truth.holds().tolist() == expected
    assert any(pair.scene.background in other.caption.labels for pair in pairs for other in pairs)
    assert truth.holds(slice(7, 20)).tolist() == expected[7:20]
    batch = composer("B", FREE_SETTINGS)[0]
    assert batch.backgrounds.any()
    assert not (batch.backgrounds & batch.event_holds).any()


def test_joint_mixes_both_stages(composer):
    groups = composer("joint").draw_groups(np.random.default_rng(0), 4)
    assert [any(pair.caption.relation == "and" for pair in group) for group in groups] == [False, True, False, True]


def test_truth_of_a_block_is_that_of_its_rows(composer):
    pairs = list(itertools.chain.from_iterable(composer("joint").draw_groups(np.random.default_rng(0), 30)))
    truth = Truth(pairs)
    expected = [[holds(other.caption, pair.scene) for other in pairs] for pair in pairs]
    assert truth.holds().tolist() == expected
    assert truth.holds(slice(7, 20)).tolist() == expected[7:20]
