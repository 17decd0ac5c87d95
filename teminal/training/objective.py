'''Compute the loss of a batch: a weighted sum of named terms, each a function of the embeddings.

To add a term, write a function here, its entry in `compute_losses`, and an option for its weight in `StageConfig`. It
is then logged, plotted and set on the command line like the others:

    def uniformity(embedded: EmbeddedBatch) -> torch.Tensor:
        """Spread the audios over the sphere (arXiv 2005.10242)."""
        return torch.pdist(embedded.audio).square().mul(-2).exp().mean().log()

            "uniformity": (stage.uniformity_weight, lambda: uniformity(embedded)),

    uniformity_weight: float = option(0.0, "weight of the uniformity loss", least=0)
'''

from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed
from torch.nn import functional as F

from modeling_teminal import chunked_tnce_loss, in_group_loss, tnce_loss
from teminal.training.batches import Batch
from teminal.training.config import TrainingConfig
from teminal.training.stages import StageConfig

GROUPS_AT_ONCE = 64


@dataclass
class EmbeddedBatch:
    """One process's share of a batch with its embeddings, fp32 and normalised.

    Attributes:
        row_of: text -> its row in `text`.
        audio: (A + R, D) compositions, then replayed clips.
        text: (T, D) distinct texts.
        scales: (parts, 2) logit scales of audio and text; all rows are equal.
    """

    batch: Batch
    row_of: dict[str, int]
    audio: torch.Tensor
    text: torch.Tensor
    scales: torch.Tensor

    def __post_init__(self) -> None:
        batch, self.device = self.batch, self.audio.device
        self.scale_audio, self.scale_text = self.scales[-1]
        self.pair_audio = self.audio[batch.audio_rows.to(self.device)]  # (P, D), as is pair_text
        self.pair_text = self.text[[self.row_of[text] for text in batch.texts]]
        self.candidates = self.text[[self.row_of[text] for text in batch.candidates]]  # (C, D)


def compute_losses(embedded: EmbeddedBatch, stage: StageConfig, config: TrainingConfig) -> dict[str, torch.Tensor]:
    """Compute the terms with a weight other than 0, and "loss", their weighted sum, which alone has a gradient.

    TNCE is computed over the pairs of all processes. The other terms are computed per process and averaged by DDP,
    weighted by what each has of the batch; no group is split between processes.

    Raises:
        ValueError: an embedding is not finite.
    """
    terms = {
        "tnce": (1.0, lambda: tnce(embedded, config)),
        "in_group": (stage.in_group_weight, lambda: in_group(embedded)),
        "replay": (stage.replay_weight, lambda: replay(embedded)),
        "event": (stage.event_weight, lambda: event(embedded)),
        "naming": (stage.naming_weight, lambda: naming(embedded)),
    }
    losses = {name: compute() for name, (weight, compute) in terms.items() if weight}
    total = sum((terms[name][0] * loss for name, loss in losses.items()), torch.zeros((), device=embedded.device))
    return {"loss": total, **{name: loss.detach() for name, loss in losses.items()}}


def tnce(embedded: EmbeddedBatch, config: TrainingConfig) -> torch.Tensor:
    """Compute TNCE over the pairs of all processes, in chunks if they are more than `loss_chunk_size`."""
    truth, device = embedded.batch.truth, embedded.device
    inputs = [gather_rows(pairs, embedded.batch.n_pairs) for pairs in (embedded.pair_audio, embedded.pair_text)]
    inputs += [embedded.scale_audio, embedded.scale_text]
    weights: dict[str, Any] = {
        "group": truth.group.to(device),
        "variant": truth.variant.to(device),
        "alpha_same": config.alpha_same,
        "alpha_cross": config.alpha_cross,
        "beta": config.beta,
    }
    if len(truth.group) <= config.loss_chunk_size:
        return tnce_loss(*inputs, holds=truth.holds().to(device), **weights)

    def holds(rows: slice) -> torch.Tensor:
        return truth.holds(rows).to(device)

    return chunked_tnce_loss(*inputs, holds=holds, chunk_size=config.loss_chunk_size, **weights)


def in_group(embedded: EmbeddedBatch) -> torch.Tensor:
    """Contrast the variants within each group; a few groups at a time, to save memory."""
    batch, truth, device = embedded.batch, embedded.batch.truth, embedded.device
    n_pairs, total, start = len(embedded.pair_audio), torch.zeros((), device=device), 0
    _, sizes = truth.group[batch.first_pair : batch.first_pair + n_pairs].unique_consecutive(return_counts=True)
    for some in sizes.split(GROUPS_AT_ONCE):
        own = slice(start, start + int(some.sum()))
        rows = slice(batch.first_pair + own.start, batch.first_pair + own.stop)
        loss = in_group_loss(
            embedded.pair_audio[own],
            embedded.pair_text[own],
            embedded.scale_audio,
            embedded.scale_text,
            group=truth.group[rows].to(device),
            variant=truth.variant[rows].to(device),
            holds=truth.holds(rows)[:, rows].to(device),
        )
        total = total + loss * (own.stop - own.start)
        start = own.stop
    return total / n_pairs * batch.pair_weight


def replay(embedded: EmbeddedBatch) -> torch.Tensor:
    """Classify each replayed clip among the candidate captions."""
    targets = embedded.batch.replay_targets.to(embedded.device)
    logits = embedded.audio[-len(targets) :] @ embedded.candidates.T * embedded.scale_audio
    return F.cross_entropy(logits, targets)


def event(embedded: EmbeddedBatch) -> torch.Tensor:
    """Contrast every event of each scene with the classes that are not in it."""
    holds = embedded.batch.event_holds.to(embedded.device)
    logits = embedded.audio[: len(holds)] @ embedded.candidates.T * embedded.scale_audio
    loss = event_loss(logits, holds, holds | embedded.batch.backgrounds.to(embedded.device))
    return loss * embedded.batch.audio_weight


def naming(embedded: EmbeddedBatch) -> torch.Tensor:
    """Contrast every class that a caption names with those that it does not."""
    named = embedded.batch.named.to(embedded.device)
    loss = naming_loss(embedded.pair_text, embedded.candidates, named, embedded.scale_audio)
    return loss * embedded.batch.pair_weight


def event_loss(logits: torch.Tensor, holds: torch.Tensor, no_negative: torch.Tensor) -> torch.Tensor:
    """Compute the cross-entropy of each true candidate against the negatives; other true ones are left out.

    Args:
        logits: (B, C) scores of the candidates.
        holds: (B, C) bool, which are true, at least one in each row; all rows have the same weight.
        no_negative: (B, C) bool, which are true, or neither true nor negatives.
    """
    false = logits.masked_fill(no_negative, torch.finfo(logits.dtype).min).logsumexp(1, keepdim=True)
    return ((F.softplus(false - logits) * holds).sum(1) / holds.sum(1)).mean()


def naming_loss(
    text_embeds: torch.Tensor, class_embeds: torch.Tensor, named: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Compute the event loss of captions, (P, D), against class captions, (C, D); `named` (P, C) bool says which.

    With it a caption of several sounds lies near the captions of each, so that an audio can lie near all of them.
    """
    return event_loss(text_embeds @ class_embeds.T * scale, named, named)


def gather_rows(embeds: torch.Tensor, n_rows: list[int]) -> torch.Tensor:
    """Concatenate the (n, D) of each process to (N, D), with gradients; `n_rows` holds each n, by rank.

    Every process computes the same loss of all rows, so that each has the gradient of its own rows and none is sent.
    It is multiplied by the number of processes, by which DDP's averaging divides it.
    """
    if not distributed.is_initialized() or distributed.get_world_size() == 1:
        return embeds
    padded = F.pad(embeds.detach(), (0, 0, 0, max(n_rows) - len(embeds)))  # `all_gather` takes equal sizes only
    gathered = [torch.empty_like(padded) for _ in n_rows]
    distributed.all_gather(gathered, padded)
    rows = [part[:n] for part, n in zip(gathered, n_rows, strict=True)]
    own = embeds.view_as(embeds)
    if own.requires_grad:
        own.register_hook(lambda gradient: gradient * len(n_rows))
    rows[distributed.get_rank()] = own
    return torch.cat(rows)
