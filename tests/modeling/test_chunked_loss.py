import random

import pytest
import torch
from torch.nn import functional as F

from modeling_teminal import chunked_tnce_loss, tnce_loss


def pairs(n_pairs, dim=8, seed=0, dtype=torch.float64):
    """Embeddings and both scales, all with gradients, and a random truth: shuffled groups, all four variants."""
    generator = torch.Generator().manual_seed(seed)
    embeds = F.normalize(torch.randn(2, n_pairs, dim, generator=generator, dtype=dtype), dim=2)
    scales = torch.tensor([7.0, 4.0], dtype=dtype)
    inputs = [value.clone().requires_grad_() for value in (*embeds, *scales)]
    truth = {
        "group": torch.randint(max(1, n_pairs // 4), (n_pairs,), generator=generator),
        "variant": torch.randint(4, (n_pairs,), generator=generator),
        "holds": (torch.rand(n_pairs, n_pairs, generator=generator) < 0.2) | torch.eye(n_pairs, dtype=torch.bool),
    }
    truth["variant"][0] = 0  # a row keeps its weight when beta is 0
    return inputs, truth


def value_and_gradients(loss_function, inputs, **arguments):
    loss = loss_function(*inputs, **arguments)
    return [loss.detach(), *torch.autograd.grad(3.0 * loss, inputs)]


@pytest.mark.parametrize("as_function", [False, True], ids=["tensor", "function"])
@pytest.mark.parametrize("seed", range(12))
def test_equals_the_unchunked_loss(seed, as_function):
    draw = random.Random(seed)
    chunk_size = draw.randint(1, 9)
    n_pairs = chunk_size * draw.randint(0, 6) + draw.randint(1, chunk_size)
    inputs, truth = pairs(n_pairs, seed=seed)
    weights = {name: draw.choice([0.0, 1.0, draw.uniform(0, 3)]) for name in ("alpha_same", "alpha_cross", "beta")}
    expected = value_and_gradients(tnce_loss, inputs, **truth, **weights)
    holds = truth.pop("holds")
    truth["holds"] = holds.__getitem__ if as_function else holds
    found = value_and_gradients(chunked_tnce_loss, inputs, **truth, **weights, chunk_size=chunk_size)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_function_of_rows_is_asked_for_blocks_alone():
    inputs, truth = pairs(23)
    holds, asked = truth.pop("holds"), []

    def block(rows):
        asked.append((rows.start, rows.stop))
        return holds[rows]

    chunked_tnce_loss(*inputs, **truth, holds=block, chunk_size=10).backward()
    assert asked == [(0, 10), (10, 20), (20, 23)] * 2


def test_gradient_is_right():
    inputs, truth = pairs(7, dim=3)

    def loss(*inputs):
        return chunked_tnce_loss(*inputs, **truth, alpha_same=2.0, alpha_cross=0.5, beta=0.3, chunk_size=3)

    assert torch.autograd.gradcheck(loss, inputs)


def test_fp32_at_a_large_scale_is_as_near_to_fp64_as_the_unchunked_loss():
    inputs, truth = pairs(200, dim=16)
    inputs[2:] = [torch.tensor(100.0, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    exact = value_and_gradients(tnce_loss, inputs, **truth)
    single = [value.detach().float().requires_grad_() for value in inputs]
    for loss_function, extra in ((tnce_loss, {}), (chunked_tnce_loss, {"chunk_size": 64})):
        for ours, theirs in zip(value_and_gradients(loss_function, single, **truth, **extra), exact, strict=True):
            assert (ours - theirs).norm() < 2e-6 * theirs.norm()


def test_without_a_negative_the_loss_is_exactly_zero():
    inputs, truth = pairs(37, dtype=torch.float32)
    truth["holds"] = torch.ones_like(truth["holds"])
    loss, *gradients = value_and_gradients(chunked_tnce_loss, inputs, **truth, chunk_size=8)
    assert loss == 0
    assert not any(gradient.any() for gradient in gradients)


def test_bf16_embeddings_are_scored_in_fp32_in_both_passes():
    inputs, truth = pairs(20, dtype=torch.float32)
    rounded = [value.detach().bfloat16().float().requires_grad_() for value in inputs]
    expected = value_and_gradients(chunked_tnce_loss, rounded, **truth, chunk_size=6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = [value.detach().bfloat16().requires_grad_() for value in rounded]
        found = value_and_gradients(chunked_tnce_loss, half, **truth, chunk_size=6)
    assert found[0].dtype == torch.float32
    assert found[0].item() == pytest.approx(expected[0].item(), rel=1e-6)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert torch.equal(ours, theirs.bfloat16())


def test_scales_may_be_numbers_and_one_tower_may_be_frozen():
    inputs, truth = pairs(11)
    audio, text = inputs[0].detach(), inputs[1]
    expected = tnce_loss(audio, text, 5.0, 3.0, **truth)
    found = chunked_tnce_loss(audio, text, 5.0, 3.0, **truth, chunk_size=4)
    expected_gradient, found_gradient = (torch.autograd.grad(loss, text)[0] for loss in (expected, found))
    torch.testing.assert_close(found_gradient, expected_gradient, rtol=1e-10, atol=1e-12)


def bad_inputs():
    off_diagonal = torch.ones(12, 12, dtype=torch.bool)
    off_diagonal[7, 7] = False
    return [
        ("audio_embeds", {"audio_embeds": torch.full((12, 8), float("nan"))}),
        ("text_embeds", {"text_embeds": torch.ones(11, 8)}),
        ("logit_scale_audio", {"logit_scale_audio": 0.0}),
        ("logit_scale_text", {"logit_scale_text": float("inf")}),
        ("group", {"group": torch.zeros(5)}),
        ("variant", {"variant": torch.full((12,), 4)}),
        ("holds", {"holds": torch.ones(13, 12, dtype=torch.bool)}),
        ("holds", {"holds": torch.ones(12, 12)}),
        ("holds", {"holds": off_diagonal}),
        ("alpha_same", {"alpha_same": -1.0}),
        ("alpha_cross", {"alpha_cross": float("nan")}),
        ("beta", {"variant": torch.full((12,), 2), "beta": 0.0}),
    ]


def call(loss_function, change, **extra):
    (audio, text, *_), truth = pairs(12)
    embeds = {"audio_embeds": audio, "text_embeds": text, "logit_scale_audio": 5.0, "logit_scale_text": 5.0}
    return loss_function(**{**embeds, **truth, **change, **extra})


@pytest.mark.parametrize(("name", "change"), bad_inputs())
def test_bad_input_gets_the_error_of_the_unchunked_loss(name, change):
    with pytest.raises(ValueError, match=name) as expected:
        call(tnce_loss, change)
    with pytest.raises(ValueError, match=name) as found:
        call(chunked_tnce_loss, change, chunk_size=5)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (lambda rows: torch.ones(12, 12, dtype=torch.bool), r"holds must be \(5, 12\) bool for rows 0 to 4"),
        (lambda rows: torch.ones(rows.stop - rows.start, 12), "holds must be .* bool"),
        (lambda rows: torch.arange(12)[rows, None] == torch.arange(12).clamp(max=10), "diagonal"),
    ],
    ids=["shape", "dtype", "diagonal"],
)
def test_bad_block_of_a_function_is_named(block, message):
    with pytest.raises(ValueError, match=message):
        call(chunked_tnce_loss, {"holds": block}, chunk_size=5)


@pytest.mark.parametrize("chunk_size", [0, -4, 2.5, None])
def test_chunk_size_is_a_whole_number(chunk_size):
    with pytest.raises(ValueError, match="chunk_size"):
        call(chunked_tnce_loss, {}, chunk_size=chunk_size)
