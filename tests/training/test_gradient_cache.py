"""Test that gradients in parts equal those of the whole, and random states are restored."""

import pytest
import torch

from teminal.training.gradient_cache import backward_in_parts, get_random_state, set_random_state


def test_dropout_on_the_cpu_goes_on():
    before = get_random_state(torch.device("cpu"))
    drawn = torch.rand(4)
    set_random_state(before, torch.device("cpu"))
    assert torch.equal(torch.rand(4), drawn)


@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu"])
def test_so_does_that_on_an_accelerator(monkeypatch, kind):
    generator = torch.Generator()
    module = getattr(torch, kind)
    monkeypatch.setattr(module, "get_rng_state", lambda device: generator.get_state())
    monkeypatch.setattr(module, "set_rng_state", lambda state, device: generator.set_state(state))
    before = get_random_state(torch.device(kind))
    drawn = torch.rand(4), torch.rand(4, generator=generator)
    set_random_state(before, torch.device(kind))
    assert torch.equal(torch.rand(4), drawn[0])
    assert torch.equal(torch.rand(4, generator=generator), drawn[1])


def contrast(tensors):
    audio, text = tensors
    return {"loss": torch.nn.functional.cross_entropy(audio @ text.T, torch.arange(len(audio)))}


@pytest.mark.parametrize("n_parts", [1, 2, 5])
def test_parts_have_loss_and_gradients_of_the_whole(n_parts):
    tower, rows = torch.nn.Linear(3, 4), torch.randn(5, 3)

    def embed(part):
        return tower(part), tower(part).square()

    expected = contrast(embed(rows))["loss"]
    gradients = torch.autograd.grad(expected, tower.parameters())
    losses = backward_in_parts(rows.tensor_split(n_parts), embed, contrast, torch.device("cpu"))
    torch.testing.assert_close(losses["loss"], expected)
    for weight, gradient in zip(tower.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_each_part_sees_the_same_dropout_twice():
    tower, dropout, seen = torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), []

    def embed(part):
        embeds = dropout(tower(part))
        seen.append(embeds.detach())
        return embeds, embeds

    backward_in_parts(torch.randn(6, 3).tensor_split(3), embed, contrast, torch.device("cpu"))
    assert all(torch.equal(first, second) for first, second in zip(seen[:3], seen[3:], strict=True))
    assert (torch.cat(seen) == 0).any()
