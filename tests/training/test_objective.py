"""Test the event loss."""

import torch
from torch.nn import functional as F

from teminal.training.objective import event_loss


def test_of_one_event_it_is_the_cross_entropy():
    logits, target = torch.randn(5, 7), torch.tensor([0, 3, 6, 3, 1])
    holds = F.one_hot(target, 7).bool()
    torch.testing.assert_close(event_loss(logits, holds), F.cross_entropy(logits, target))


def test_another_true_event_is_no_negative():
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0]])
    holds = torch.tensor([[True, True, False, False]])
    false = torch.logsumexp(logits[0, 2:], 0)
    expected = sum(torch.logaddexp(logits[0, i], false) - logits[0, i] for i in (0, 1)) / 2
    torch.testing.assert_close(event_loss(logits, holds), expected)


def test_where_all_is_true_there_is_nothing_to_learn():
    logits = torch.randn(2, 3, requires_grad=True)
    loss = event_loss(logits, torch.ones(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()
