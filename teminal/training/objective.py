"""The loss of a training batch as a function of its embeddings."""

from dataclasses import dataclass

import torch
from torch import distributed
from torch.distributed.nn.functional import all_gather
from torch.nn import functional as F

from modeling_teminal import chunked_tnce_loss, in_group_loss, tnce_loss
from teminal.training.batches import Batch
from teminal.training.config import StageConfig, TrainingConfig

ROWS_AT_ONCE = 256  # a whole number of groups


@dataclass
class Embeddings:
    """This process's (n, D) audios and texts, fp32 and normalised, and both temperatures as multipliers."""

    audio: torch.Tensor
    text: torch.Tensor
    scale_audio: torch.Tensor
    scale_text: torch.Tensor

    def tensors(self) -> tuple[torch.Tensor, ...]:
        return self.audio, self.text, self.scale_audio, self.scale_text


def distinct_texts(batch: Batch) -> dict[str, int]:
    """Each caption that the text tower is to embed, once, with its row."""
    return {text: row for row, text in enumerate(dict.fromkeys(batch.texts + batch.candidates))}


def batch_losses(
    embeds: Embeddings, batch: Batch, settings: StageConfig, recipe: TrainingConfig
) -> dict[str, torch.Tensor]:
    """`loss` and the parts that it is the weighted sum of.

    TNCE is that of the pairs of all processes; the in-group, replay and event losses are this process's, whose mean
    over processes is that of all, for groups never lie on two.

    Raises:
        ValueError: an embedding is not finite.
    """
    device, rows = embeds.audio.device, distinct_texts(batch)
    scales = embeds.scale_audio, embeds.scale_text
    audio = embeds.audio[batch.audio_rows.to(device)]
    text = embeds.text[[rows[caption] for caption in batch.texts]]
    truth, weights = batch.truth, {name: getattr(recipe, name) for name in ("alpha_same", "alpha_cross", "beta")}
    weights |= {"group": truth.group.to(device), "variant": truth.variant.to(device)}
    pairs = gather_rows(audio), gather_rows(text), *scales

    def holds(rows: slice = slice(None)) -> torch.Tensor:
        return truth.holds(rows).to(device)

    if len(truth.group) <= recipe.loss_chunk_size:
        parts = {"tnce": tnce_loss(*pairs, holds=holds(), **weights)}
    else:
        parts = {"tnce": chunked_tnce_loss(*pairs, holds=holds, chunk_size=recipe.loss_chunk_size, **weights)}
    loss = parts["tnce"]
    if settings.in_group_weight:
        parts["in_group"] = _own_in_group_loss(audio, text, scales, batch)
        loss = loss + settings.in_group_weight * parts["in_group"]
    candidates = embeds.text[[rows[caption] for caption in batch.candidates]]
    if n_replay := len(batch.replay_targets):
        logits = embeds.audio[-n_replay:] @ candidates.T * embeds.scale_audio
        parts["replay"] = F.cross_entropy(logits, batch.replay_targets.to(device))
        loss = loss + settings.replay_weight * parts["replay"]
    if settings.event_weight:
        logits = embeds.audio[: len(batch.event_holds)] @ candidates.T * embeds.scale_audio
        parts["event"] = event_loss(logits, batch.event_holds.to(device))
        loss = loss + settings.event_weight * parts["event"]
    return {"loss": loss, **parts}


def event_loss(logits: torch.Tensor, holds: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each true candidate against the false ones; the other true ones take no part.

    Args:
        logits: (B, K) scores of the candidates.
        holds: (B, K) bool, at least one True in each row; every row weighs the same.
    """
    false = logits.masked_fill(holds, torch.finfo(logits.dtype).min).logsumexp(1, keepdim=True)
    return ((F.softplus(false - logits) * holds).sum(1) / holds.sum(1)).mean()


def _own_in_group_loss(audio, text, scales, batch):
    """A few groups at a time, for what lies between groups has no part in it."""
    total = 0.0
    for start in range(0, len(audio), ROWS_AT_ONCE):
        own = slice(start, min(start + ROWS_AT_ONCE, len(audio)))
        rows = slice(batch.first_pair + own.start, batch.first_pair + own.stop)
        truth = {"group": batch.truth.group[rows], "variant": batch.truth.variant[rows]}
        truth["holds"] = batch.truth.holds(rows)[:, rows]
        truth = {name: value.to(audio.device) for name, value in truth.items()}
        total = total + in_group_loss(audio[own], text[own], *scales, **truth) * (own.stop - own.start)
    return total / len(audio)


def gather_rows(embeds: torch.Tensor) -> torch.Tensor:
    """(n, D) on each process -> (n * processes, D), rank after rank.

    With the full loss computed on every process and gradients averaged, as DDP does, the gradient is that of one
    process with the whole batch.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return embeds
    return torch.cat(all_gather(embeds.contiguous()))
