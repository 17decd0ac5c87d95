"""Compute temporal contrastive losses from embeddings.

TNCE, the loss of TeminAL stage B (arXiv 2408.09269), follows the temporal contrastive loss of TACT, "Test of Time"
(arXiv 2301.02074): it contrasts each composition with its own reversed and overlaid versions and with the rest of the
batch. A caption that is true of an audio is never its negative.
"""

import math

import torch


def tnce_loss(
    audio_embeds: torch.Tensor,
    text_embeds: torch.Tensor,
    logit_scale_audio: torch.Tensor | float,
    logit_scale_text: torch.Tensor | float,
    *,
    group: torch.Tensor,
    variant: torch.Tensor,
    holds: torch.Tensor,
    alpha_same: float = 1.0,
    alpha_cross: float = 1.0,
    beta: float = 1.0,
) -> torch.Tensor:
    """Compute the temporal noise-contrastive estimation (TNCE) loss of N audio-caption pairs, pair n in row n.

    With `s_nm` the scaled cosine of audio n and caption m and `w_nm` the weight of caption m as a negative of
    audio n (0 if it is true of it, 1 for the same variant, `alpha_same` within a group, `alpha_cross` elsewhere):

        l_n  = -1/2 (log(exp(s_nn) / sum_m w_nm exp(s_nm)) + the same from text to audio)
        loss = sum_n b_n l_n / sum_n b_n,   b_n = 1 for variants 0 and 1, `beta` for variants 2 and 3

    Args:
        audio_embeds, text_embeds: (N, D), L2-normalised.
        logit_scale_audio, logit_scale_text: positive multipliers of the cosine (already exponentiated).
        group: (N,) long, the composition group of each pair.
        variant: (N,) long, 0 single, 1 forward, 2 reversed, 3 overlay.
        holds: (N, N) bool, `holds[n, m]` says that caption m is true of audio n; the diagonal is True.
        alpha_same, alpha_cross: weight >= 0 of negatives of another variant, in the same and in other groups.
        beta: weight >= 0 of the rows of variants 2 and 3.

    Returns:
        A scalar >= 0 in fp32 (fp64 for fp64 input); 0 when no pair has a negative.

    Raises:
        ValueError: naming the argument, if sizes differ, a value is not finite or out of range, the diagonal of
            `holds` is not all True, or all row weights are zero.

    Example:
        >>> eye = torch.eye(2)
        >>> index = torch.arange(2)
        >>> tnce_loss(eye, eye, 1.0, 1.0, group=index, variant=index, holds=eye.bool())
        tensor(0.3133)
    """
    audio_embeds, text_embeds, scales = check_embeddings(
        audio_embeds, text_embeds, logit_scale_audio, logit_scale_text
    )
    n_pairs = len(audio_embeds)
    check_rows(n_pairs, group, variant)
    check_weights(alpha_same, alpha_cross, beta)
    check_holds(holds, slice(0, n_pairs), n_pairs)
    log_weight = log_negative_weights(slice(0, n_pairs), group, variant, alpha_same, alpha_cross, audio_embeds.dtype)
    row_loss = _row_losses(audio_embeds, text_embeds, scales, without_true(log_weight, holds))
    return weighted_mean(row_loss, variant, beta)


def in_group_loss(
    audio_embeds: torch.Tensor,
    text_embeds: torch.Tensor,
    logit_scale_audio: torch.Tensor | float,
    logit_scale_text: torch.Tensor | float,
    *,
    group: torch.Tensor,
    variant: torch.Tensor,
    holds: torch.Tensor,
) -> torch.Tensor:
    """Compute the loss with negatives from each pair's own group only: which of its captions is true?

    Arguments, result and errors are those of [`tnce_loss`]; all rows have the same weight. A model that knows all but
    the order of forward and reversed has ln 2 in half of the rows of a group of four, 0.35 on average.
    """
    audio_embeds, text_embeds, scales = check_embeddings(
        audio_embeds, text_embeds, logit_scale_audio, logit_scale_text
    )
    n_pairs = len(audio_embeds)
    check_rows(n_pairs, group, variant)
    check_holds(holds, slice(0, n_pairs), n_pairs)
    other_group = group[:, None] != group
    log_weight = torch.zeros_like(other_group, dtype=audio_embeds.dtype).masked_fill_(other_group, -math.inf)
    return _row_losses(audio_embeds, text_embeds, scales, without_true(log_weight, holds)).mean()


def _row_losses(audio_embeds, text_embeds, scales, log_weight):
    """Compute the mean of both directions' weighted cross-entropy, (N,); both use the same (N, N) `log_weight`."""
    with torch.autocast(audio_embeds.device.type, enabled=False):
        cosine = audio_embeds @ text_embeds.T
    audio_to_text = cosine * scales[0] + log_weight
    text_to_audio = cosine * scales[1] + log_weight
    return -(audio_to_text.log_softmax(1).diagonal() + text_to_audio.log_softmax(0).diagonal()) / 2


def log_negative_weights(rows, group, variant, alpha_same, alpha_cross, dtype):
    """Compute the logarithm of `w_nm` for a slice of audios, (len(rows), N), before true captions are removed."""
    log_same, log_cross = (math.log(alpha) if alpha else -math.inf for alpha in (alpha_same, alpha_cross))
    same_group = group[rows, None] == group
    log_weight = torch.full_like(same_group, log_cross, dtype=dtype).masked_fill_(same_group, log_same)
    return log_weight.masked_fill_(variant[rows, None] == variant, 0.0)


def without_true(log_weight, holds, first_row=0):
    """Remove true captions from the negatives, in place; the own caption, on the diagonal, gets weight 1."""
    log_weight.masked_fill_(holds, -math.inf).diagonal(first_row).zero_()
    return log_weight


def weighted_mean(row_loss, variant, beta):
    row_weight = torch.ones_like(row_loss).masked_fill(variant >= 2, beta)
    if not row_weight.any():
        raise ValueError(f"beta={beta} leaves no row with a weight: every variant is 2 or 3")
    return (row_weight * row_loss).sum() / row_weight.sum()


def check_embeddings(audio_embeds, text_embeds, logit_scale_audio, logit_scale_text):
    if audio_embeds.ndim != 2 or len(audio_embeds) == 0:
        raise ValueError(f"audio_embeds must be (N, D) with N >= 1, got {tuple(audio_embeds.shape)}")
    if text_embeds.shape != audio_embeds.shape:
        raise ValueError(f"text_embeds is {tuple(text_embeds.shape)}, audio_embeds {tuple(audio_embeds.shape)}")
    dtype = torch.promote_types(torch.promote_types(audio_embeds.dtype, text_embeds.dtype), torch.float32)
    for name, value in (("audio_embeds", audio_embeds), ("text_embeds", text_embeds)):
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} holds values that are not finite")
    scales = []
    for name, value in (("logit_scale_audio", logit_scale_audio), ("logit_scale_text", logit_scale_text)):
        scale = torch.as_tensor(value, dtype=dtype, device=audio_embeds.device)
        if scale.numel() != 1 or not torch.isfinite(scale).all() or not (scale > 0).all():
            raise ValueError(f"{name} must be one positive finite number, got {value}")
        scales.append(scale.reshape(()))
    return audio_embeds.to(dtype), text_embeds.to(dtype), scales


def check_rows(n_pairs, group, variant):
    for name, value in (("group", group), ("variant", variant)):
        if value.shape != (n_pairs,):
            raise ValueError(f"{name} must be ({n_pairs},) like the embeddings, got {tuple(value.shape)}")
    if not ((variant >= 0) & (variant <= 3)).all():
        raise ValueError("variant must be 0 (single), 1 (forward), 2 (reversed) or 3 (overlay)")


def check_weights(alpha_same, alpha_cross, beta):
    for name, value in (("alpha_same", alpha_same), ("alpha_cross", alpha_cross), ("beta", beta)):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} must be finite and not negative, got {value}")


def check_holds(holds, rows, n_pairs):
    shape = (rows.stop - rows.start, n_pairs)
    if holds.shape != shape or holds.dtype != torch.bool:
        raise ValueError(
            f"holds must be {shape} bool for rows {rows.start} to {rows.stop - 1}, "
            f"got {tuple(holds.shape)} {holds.dtype}"
        )
    if not holds.diagonal(rows.start).all():
        raise ValueError("holds must be True on its diagonal: each caption is true of its own audio")
