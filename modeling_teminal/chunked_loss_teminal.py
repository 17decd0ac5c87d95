"""Compute the TNCE loss in blocks of rows, with memory linear in the number of pairs, forward and backward.

As in "Breaking the Memory Barrier: Near Infinite Batch Size Scaling for Contrastive Loss" (arXiv 2410.17243), the
forward pass keeps only the logarithms of the softmax denominators, and the backward pass computes the scores again.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch.autograd.function import once_differentiable

from .loss_teminal import (
    check_embeddings,
    check_holds,
    check_rows,
    check_weights,
    log_negative_weights,
    weighted_mean,
    without_true,
)


def chunked_tnce_loss(
    audio_embeds: torch.Tensor,
    text_embeds: torch.Tensor,
    logit_scale_audio: torch.Tensor | float,
    logit_scale_text: torch.Tensor | float,
    *,
    group: torch.Tensor,
    variant: torch.Tensor,
    holds: torch.Tensor | Callable[[slice], torch.Tensor],
    alpha_same: float = 1.0,
    alpha_cross: float = 1.0,
    beta: float = 1.0,
    chunk_size: int = 1024,
) -> torch.Tensor:
    """Compute [`tnce_loss`] with `chunk_size` x N scores in memory at a time instead of N x N.

    Args:
        holds: (N, N) bool as for [`tnce_loss`], or a function that returns the rows of a slice, (len(rows), N) bool;
            it is called again in the backward pass and must return the same.
        chunk_size: rows >= 1 of a block; in fp32, memory is 20 to 32 x `chunk_size` x N bytes beside the gradients.

    The other arguments, the result and the errors are those of [`tnce_loss`]; there are no second derivatives.

    Example:
        >>> eye = torch.eye(2)
        >>> index = torch.arange(2)
        >>> chunked_tnce_loss(eye, eye, 1.0, 1.0, group=index, variant=index, holds=lambda rows: eye[rows].bool())
        tensor(0.3133)
    """
    audio_embeds, text_embeds, scales = check_embeddings(
        audio_embeds, text_embeds, logit_scale_audio, logit_scale_text
    )
    n_pairs, dtype = audio_embeds.shape[0], audio_embeds.dtype
    check_rows(n_pairs, group, variant)
    check_weights(alpha_same, alpha_cross, beta)
    if not isinstance(chunk_size, int) or chunk_size < 1:
        raise ValueError(f"chunk_size must be a whole number of at least 1, got {chunk_size}")
    if not callable(holds):
        check_holds(holds, slice(0, n_pairs), n_pairs)

    def make_log_weight(rows: slice) -> torch.Tensor:
        true = holds(rows) if callable(holds) else holds[rows]
        check_holds(true, rows, n_pairs)
        log_weight = log_negative_weights(rows, group, variant, alpha_same, alpha_cross, dtype)
        return without_true(log_weight, true, rows.start)

    row_loss = _ChunkedRowLosses.apply(audio_embeds, text_embeds, *scales, make_log_weight, chunk_size)
    return weighted_mean(row_loss, variant, beta)


class _ChunkedRowLosses(torch.autograd.Function):
    """Compute `_row_losses` of `loss_teminal`, (N,), in blocks of rows."""

    @staticmethod
    def forward(ctx, audio, text, scale_audio, scale_text, make_log_weight, chunk_size):
        own = audio.new_empty(len(audio))
        log_sum_audio = torch.empty_like(own)
        log_sum_text = torch.full_like(own, -math.inf)
        with torch.autocast(audio.device.type, enabled=False):
            for rows in _blocks(len(audio), chunk_size):
                cosine = audio[rows] @ text.T
                log_weight = make_log_weight(rows)
                own[rows] = cosine.diagonal(rows.start)
                log_sum_audio[rows] = torch.addcmul(log_weight, cosine, scale_audio).logsumexp(1)
                score = log_weight.addcmul_(cosine, scale_text)
                log_sum_text = torch.logaddexp(log_sum_text, score.logsumexp(0))
        ctx.save_for_backward(audio, text, scale_audio, scale_text, log_sum_audio, log_sum_text)
        ctx.make_log_weight, ctx.chunk_size = make_log_weight, chunk_size
        return (log_sum_audio - own * scale_audio + (log_sum_text - own * scale_text)) / 2

    @staticmethod
    @once_differentiable
    def backward(ctx, grad):
        audio, text, scale_audio, scale_text, log_sum_audio, log_sum_text = ctx.saved_tensors
        grad_audio, grad_text = torch.empty_like(audio), torch.zeros_like(text)
        grad_scale_audio, grad_scale_text = torch.zeros_like(scale_audio), torch.zeros_like(scale_text)
        grad = grad / 2
        with torch.autocast(audio.device.type, enabled=False):
            for rows in _blocks(len(audio), ctx.chunk_size):
                cosine = audio[rows] @ text.T
                log_weight = ctx.make_log_weight(rows)
                score = torch.addcmul(log_weight, cosine, scale_audio)
                residual_audio = score.sub_(log_sum_audio[rows, None]).exp_().mul_(grad[rows, None])
                score = log_weight.addcmul_(cosine, scale_text)
                residual_text = score.sub_(log_sum_text).exp_().mul_(grad)
                for residual in (residual_audio, residual_text):
                    residual.diagonal(rows.start).sub_(grad[rows])
                grad_scale_audio += torch.dot(residual_audio.flatten(), cosine.flatten())
                grad_scale_text += torch.dot(residual_text.flatten(), cosine.flatten())
                grad_cosine = residual_audio.mul_(scale_audio).addcmul_(residual_text, scale_text)
                grad_audio[rows] = grad_cosine @ text
                grad_text.addmm_(grad_cosine.T, audio[rows])
        return grad_audio, grad_text, grad_scale_audio, grad_scale_text, None, None


def _blocks(n_rows: int, chunk_size: int) -> Iterator[slice]:
    for start in range(0, n_rows, chunk_size):
        yield slice(start, min(start + chunk_size, n_rows))
