"""Teach the text tower word order before training both towers.

Trained together from the start, neither tower gets a gradient for order while the other ignores it (a saddle point).
Contrasting captions with learned embeddings of scenes escapes it within seconds. A penalty keeps the embeddings of
class captions, which the audio tower is aligned with, and the naming loss keeps those of other captions near them.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm
from transformers import get_cosine_schedule_with_warmup

from modeling_teminal import TeminalModel, in_group_loss, tnce_loss
from teminal.sampling.training import Pair
from teminal.scenes import Scene
from teminal.training.batches import BatchComposer, Truth, find_named
from teminal.training.interrupts import Interrupts
from teminal.training.objective import naming_loss
from teminal.training.state import BETAS, EPS

IN_GROUP_WEIGHT = 2.0
ANCHOR_LEARNING_RATE = 1e-3
WARMUP_RATIO = 0.05
MOST_SOUNDS = 4
OVERLAID = 0  # the slot of overlaid sounds; position n of a sequence has slot n, counted from 1


class SceneAnchors(nn.Module):
    """Learned embeddings of scenes: the sum of those of its classes, each turned by the matrix of its place.

    Places are overlaid, and first to fourth sound of a sequence. A place does the same to every class, so the audio
    tower has to learn one linear map for each place, not a vector for each class in each place. Classes start from the
    class captions' embeddings, matrices from the identity with noise.
    """

    def __init__(self, class_embeds: torch.Tensor, classes: list[str], generator: torch.Generator):
        super().__init__()
        self.row = {label: i for i, label in enumerate(classes)}
        size = class_embeds.shape[1]
        noise = torch.randn(1 + MOST_SOUNDS, size, size, generator=generator) / size**0.5
        self.classes = nn.Parameter(class_embeds.detach().clone())  # (C, D)
        self.slots = nn.Parameter((torch.eye(size) + noise).to(class_embeds.device))  # (1 + MOST_SOUNDS, D, D)

    def forward(self, scenes: list[Scene]) -> torch.Tensor:
        """Embed scenes as (N, D), normalised: the sum of one embedding per sound; a single sound fills both halves."""
        rows: list[int] = []
        starts = []
        for scene in scenes:
            starts.append(len(rows))
            labels = scene.labels * 2 if scene.relation == "single" else scene.labels
            if scene.relation == "sequence" and len(labels) > MOST_SOUNDS:
                raise ValueError(f"{scene}: the text warm-up knows sequences of at most {MOST_SOUNDS} sounds")
            for position, label in enumerate(labels, 1):
                slot = OVERLAID if scene.relation == "overlay" else position
                rows.append(slot * len(self.row) + self.row[label])
        device = self.slots.device
        table, offsets = torch.tensor(rows, device=device), torch.tensor(starts, device=device)
        turned = self.classes @ self.slots.mT  # (1 + MOST_SOUNDS, C, D)
        return F.normalize(F.embedding_bag(table, turned.flatten(0, 1), offsets, mode="sum"), dim=-1)


def warm_up_text(
    model: TeminalModel,
    encode_text: Callable[[list[str]], torch.Tensor],
    composer: BatchComposer,
    interrupts: Interrupts,
    show_progress: bool,
) -> tuple[float, SceneAnchors]:
    """Train the text tower and its projection for `text_warmup_steps`; the audio tower does not change.

    With `text_learning_rate` 0, for a pretrained text tower, its input embeddings are fixed too (`requires_grad` is
    off afterwards), so that words that no training caption has keep their meaning.

    Args:
        encode_text: captions -> (N, D) embeddings of `model`, with gradients.
        composer: of the next stage; it draws the groups.

    Returns:
        The mean in-group loss of the last 20 steps, well under 0.35 if word order was learned; and the anchors.

    Raises:
        FloatingPointError: an embedding is not finite.
        SystemExit: after a signal; a resumed run repeats the warm-up.
    """
    stage, seed = composer.settings, composer.seed
    class_captions = composer.sampler.class_captions
    held = class_captions if stage.text_warmup_hold_weight else []
    with torch.no_grad():
        known = encode_text(class_captions).detach()
    anchors = SceneAnchors(known, composer.sampler.bank.classes, torch.Generator().manual_seed(seed)).to(known.device)
    if stage.text_learning_rate == 0:
        model.text_model.embeddings.requires_grad_(False)
    scales = model.logit_scale_a.detach().exp(), model.logit_scale_t.detach().exp()
    towers = [*model.text_model.parameters(), *model.text_projection.parameters()]
    towers = [parameter for parameter in towers if parameter.requires_grad]
    optimizer = _make_optimizer(towers, stage.text_warmup_learning_rate, anchors)
    n_rising = round(WARMUP_RATIO * stage.text_warmup_steps)
    scheduler = get_cosine_schedule_with_warmup(optimizer, n_rising, stage.text_warmup_steps)

    in_group_history = []
    progress = tqdm(range(stage.text_warmup_steps), desc="text warm-up", unit="step", disable=not show_progress)
    for step in progress:
        if interrupts.received:
            raise SystemExit(128 + interrupts.received)
        groups = composer.draw_groups(np.random.default_rng([seed, 13, step]), stage.text_warmup_batch_size)
        pairs = list(itertools.chain.from_iterable(groups))
        distinct = list(dict.fromkeys([pair.text for pair in pairs] + held))
        embeds = encode_text(distinct)
        if not torch.isfinite(embeds).all():
            raise FloatingPointError(
                f"text warm-up, step {step + 1}: an embedding is not finite; try a lower --text_warmup_learning_rate"
            )
        row = {text: i for i, text in enumerate(distinct)}
        caption_embeds = embeds[[row[pair.text] for pair in pairs]]
        tnce, in_group = _contrast(anchors, pairs, caption_embeds, scales)
        loss = tnce + IN_GROUP_WEIGHT * in_group
        if stage.naming_weight:
            named = find_named(pairs, composer.sampler.bank.classes).to(known.device)
            loss = loss + stage.naming_weight * naming_loss(caption_embeds, known, named, scales[0])
        if held:
            moved = 1 - (embeds[[row[text] for text in held]] * known).sum(-1).mean()
            loss = loss + stage.text_warmup_hold_weight * moved
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*towers, *anchors.parameters()], 1.0)
        optimizer.step()
        scheduler.step()
        in_group_history.append(in_group.item())
        progress.set_postfix(in_group=f"{in_group.item():.3f}", refresh=False)
    return float(np.mean(in_group_history[-20:])), anchors


def _make_optimizer(towers: list[nn.Parameter], learning_rate: float, anchors: SceneAnchors) -> torch.optim.Optimizer:
    """Make AdamW for the text tower, and for the anchors at a rate of their own."""
    rates = [
        {"params": towers, "lr": learning_rate},
        {"params": anchors.parameters(), "lr": ANCHOR_LEARNING_RATE},
    ]
    return torch.optim.AdamW(rates, betas=BETAS, eps=EPS)


def _contrast(
    anchors: SceneAnchors, pairs: list[Pair], text_embeds: torch.Tensor, scales: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute the TNCE and in-group losses of captions, (P, D), against the anchors of their scenes.

    Args:
        scales: logit scales of audio and text.
    """
    truth = Truth(pairs)
    group, variant, holds = (value.to(text_embeds.device) for value in (truth.group, truth.variant, truth.holds()))
    inputs = anchors([pair.scene for pair in pairs]), text_embeds, *scales
    tnce = tnce_loss(*inputs, group=group, variant=variant, holds=holds)
    return tnce, in_group_loss(*inputs, group=group, variant=variant, holds=holds)
