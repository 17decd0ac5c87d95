"""Attention gives what the fused kernel gives, also where it trains in another precision."""

import pytest
import torch
from torch.nn import functional as F

from modeling_teminal.attention_teminal import attend


def draw(dtype):
    """Query, key and value of 3 samples, 2 heads, 5 positions, and a mask that hides the last position of one."""
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(3, 3, 2, 5, 8, generator=generator).to(dtype).unbind()
    mask = torch.ones(3, 1, 1, 5, dtype=torch.bool)
    mask[1, ..., -1] = False
    return [part.requires_grad_() for part in parts], mask


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("added", [False, True])
def test_training_in_bf16_is_as_exact_as_in_fp32(added, autocast):
    (query, key, value), mask = draw(torch.bfloat16)
    if added:
        mask = torch.zeros(mask.shape, dtype=torch.bfloat16).masked_fill(~mask, -torch.inf)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        context = attend(query, key, value, mask)
    exact = F.scaled_dot_product_attention(query.float(), key.float(), value.float(), mask.float() if added else mask)
    assert context.dtype == torch.bfloat16
    torch.testing.assert_close(context, exact.bfloat16(), rtol=0, atol=0)
    context.float().square().sum().backward()
    assert query.grad.dtype == torch.bfloat16
    assert not key.grad[1, :, -1].any()
    assert key.grad[0, :, -1].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_inference_is_the_kernel_itself(dtype):
    parts, mask = draw(dtype)
    with torch.no_grad():
        found = attend(*[part.detach() for part in parts], mask)
        assert found.equal(F.scaled_dot_product_attention(*[part.detach() for part in parts], mask))
