"""Test the terms of the loss."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from modeling_teminal import in_group_loss
from teminal.sampling.training import TrainingSampler
from teminal.training import objective
from teminal.training.batches import BatchComposer
from teminal.training.objective import EmbeddedBatch, event_loss, gather_rows, in_group, naming_loss
from teminal.training.stages import StageConfig


@pytest.mark.parametrize("groups_at_once", [1, 2, 64])
def test_groups_of_any_size_are_contrasted_within_themselves(bank, tiny_clap, monkeypatch, groups_at_once):
    settings = StageConfig(per_device_train_batch_size=5, max_events=4)
    batch = BatchComposer(TrainingSampler(bank), tiny_clap[1].feature_extractor, "B", settings, seed=0)[0]
    generator = torch.Generator().manual_seed(0)
    texts = list(dict.fromkeys(batch.texts))
    audio, text = (
        F.normalize(torch.randn(n, 8, generator=generator), dim=-1) for n in (len(batch.features), len(texts))
    )
    row_of = {text: row for row, text in enumerate(texts)}
    embedded = EmbeddedBatch(batch, row_of, audio, text, torch.tensor([[9.0, 7.0]]))
    truth = batch.truth
    assert len(set(truth.group.bincount().tolist())) > 1
    expected = in_group_loss(
        embedded.pair_audio,
        embedded.pair_text,
        9.0,
        7.0,
        group=truth.group,
        variant=truth.variant,
        holds=truth.holds(),
    )
    monkeypatch.setattr(objective, "GROUPS_AT_ONCE", groups_at_once)
    torch.testing.assert_close(in_group(embedded), expected)


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_rows_of_processes_with_different_numbers_are_gathered_with_gradients(monkeypatch, rank):
    rows = [torch.randn(n, 8) for n in (3, 5, 4)]

    def all_gather(gathered, own):
        for part, sent in zip(gathered, rows, strict=True):
            assert part.shape == own.shape == (5, 8)
            part.copy_(F.pad(sent, (0, 0, 0, 5 - len(sent)), value=torch.nan))

    processes = {"is_initialized": lambda: True, "get_world_size": lambda: 3, "get_rank": lambda: rank}
    monkeypatch.setattr(objective, "distributed", SimpleNamespace(**processes, all_gather=all_gather))
    assert torch.equal(gather_rows(rows[rank], [3, 5, 4]), torch.cat(rows))
    own, weights = rows[rank].clone().requires_grad_(), torch.randn(12, 8)
    (gather_rows(own, [3, 5, 4]) * weights).sum().backward()
    torch.testing.assert_close(own.grad, 3 * weights.split([3, 5, 4])[rank])


def test_of_one_event_it_is_the_cross_entropy():
    logits, target = torch.randn(5, 7), torch.tensor([0, 3, 6, 3, 1])
    holds = F.one_hot(target, 7).bool()
    torch.testing.assert_close(event_loss(logits, holds, holds), F.cross_entropy(logits, target))


def test_another_true_event_is_no_negative():
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0]])
    holds = torch.tensor([[True, True, False, False]])
    false = torch.logsumexp(logits[0, 2:], 0)
    expected = sum(torch.logaddexp(logits[0, i], false) - logits[0, i] for i in (0, 1)) / 2
    torch.testing.assert_close(event_loss(logits, holds, holds), expected)


def test_a_background_is_neither_true_nor_a_negative():
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0]], requires_grad=True)
    holds, background = torch.tensor([[True, False, False, False]]), torch.tensor([[False, True, False, False]])
    loss = event_loss(logits, holds, holds | background)
    loss.backward()
    torch.testing.assert_close(loss, F.cross_entropy(logits[:, [0, 2, 3]], torch.tensor([0])))
    assert logits.grad[0, 1] == 0


def test_where_all_is_true_there_is_nothing_to_learn():
    logits = torch.randn(2, 3, requires_grad=True)
    holds = torch.ones(2, 3, dtype=torch.bool)
    loss = event_loss(logits, holds, holds)
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


def test_naming_loss_is_the_mean_over_captions_and_the_classes_that_each_names():
    generator = torch.Generator().manual_seed(0)
    captions, classes = (F.normalize(torch.randn(n, 8, generator=generator), dim=1) for n in (3, 5))
    named = torch.tensor([[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [1, 0, 1, 0, 1]]).bool()
    expected = []
    for caption, own in zip(captions, named, strict=True):
        scores = 14.0 * classes @ caption
        false = scores[~own].exp().sum()
        expected.append(torch.stack([(1 + false / scores[i].exp()).log() for i in own.nonzero().flatten()]).mean())
    loss = naming_loss(captions, classes, named, torch.tensor(14.0))
    torch.testing.assert_close(loss, torch.stack(expected).mean())
