"""Random states go on where they were, on every kind of device."""

import pytest
import torch

from teminal.training.state import random_state, set_random_state


def test_dropout_on_the_cpu_goes_on():
    before = random_state(torch.device("cpu"))
    drawn = torch.rand(4)
    set_random_state(before, torch.device("cpu"))
    assert torch.equal(torch.rand(4), drawn)


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_so_does_that_on_an_accelerator(monkeypatch, kind):
    generator = torch.Generator()
    module = getattr(torch, kind)
    monkeypatch.setattr(module, "get_rng_state", lambda device: generator.get_state())
    monkeypatch.setattr(module, "set_rng_state", lambda state, device: generator.set_state(state))
    before = random_state(torch.device(kind))
    drawn = torch.rand(4), torch.rand(4, generator=generator)
    set_random_state(before, torch.device(kind))
    assert torch.equal(torch.rand(4), drawn[0])
    assert torch.equal(torch.rand(4, generator=generator), drawn[1])
