"""Compute the gradients of a batch, whole or in mini-batches."""

import functools
import math

import torch
from accelerate import Accelerator
from transformers import PreTrainedTokenizerBase

from modeling_teminal import TeminalModel
from teminal.features import ClipFeatures
from teminal.training.batches import Batch
from teminal.training.config import TrainingConfig
from teminal.training.gradient_cache import Tensors, backward_in_parts
from teminal.training.objective import EmbeddedBatch, compute_losses
from teminal.training.stages import StageConfig

TEXT_PARTS = 4  # captions of similar length go through the text tower together, so that few tokens are padding


def split_evenly(texts: list[str]) -> list[list[str]]:
    """Split captions, sorted by length, into at most `TEXT_PARTS` lists."""
    size = math.ceil(len(texts) / TEXT_PARTS)
    return [texts[start : start + size] for start in range(0, len(texts), size)]


class TrainingStep:
    """Forward and backward pass of a batch through `model`."""

    def __init__(
        self, accelerator: Accelerator, model: TeminalModel, tokenizer: PreTrainedTokenizerBase, config: TrainingConfig
    ):
        self.accelerator, self.model, self.tokenizer, self.config = accelerator, model, tokenizer, config
        self.prepare()

    def prepare(self) -> None:
        """Wrap the model for the weights that are trained now; call it again when these are others."""
        self.accelerator.free_memory()  # two wrappers would both average the gradients
        self.prepared_model = self.accelerator.prepare(self.model)

    def backward(self, batch: Batch, stage: StageConfig) -> dict[str, torch.Tensor]:
        """Add the gradients to the model's parameters and return the losses.

        Raises:
            FloatingPointError: an embedding or the loss is not finite.
        """
        texts = sorted({*batch.texts, *batch.candidates}, key=lambda text: (len(text), text))  # embed each once
        assert batch.features is not None, "[`on_device`] renders them"
        n_windows = len(batch.features.windows)
        audio_parts = list(batch.features.split(math.ceil(n_windows / (self.config.mini_batch_size or n_windows))))
        row_parts = torch.arange(len(texts)).tensor_split(len(audio_parts))
        parts = []
        for features, rows in zip(audio_parts, row_parts, strict=True):
            # Every part needs a text: DDP expects gradients of both towers.
            parts.append((features, [texts[row] for row in rows] or texts[:1], len(rows)))
        row_of = {text: row for row, text in enumerate(texts)}

        def compute_finite_losses(tensors: Tensors) -> dict[str, torch.Tensor]:
            if not all(torch.isfinite(tensor).all() for tensor in tensors):
                raise FloatingPointError("an embedding is not finite")
            losses = compute_losses(EmbeddedBatch(batch, row_of, *tensors), stage, self.config)
            if not torch.isfinite(losses["loss"]):
                raise FloatingPointError(f"the loss is {losses['loss'].item()}")
            return losses

        if not self.config.mini_batch_size:
            losses = compute_finite_losses(self._embed(parts[0]))
            losses["loss"].backward()
            return losses
        # Also of a single part, for other processes may have several: all must call DDP and gather in the same order.
        no_sync = functools.partial(self.accelerator.no_sync, self.prepared_model)
        return backward_in_parts(parts, self._embed, compute_finite_losses, self.accelerator.device, no_sync)

    def _embed(self, part: tuple[ClipFeatures, list[str], int]) -> Tensors:
        """Embed features and the first `n_texts` texts of a part.

        Returns:
            (A, D) audios, (n_texts, D) texts, and (1, 2) logit scales of audio and text, in fp32.
        """
        features, texts, n_texts = part
        audio = features.to(self.accelerator.device).model_inputs()
        shortest, *others = split_evenly(texts)
        with self.accelerator.autocast():
            output = self.prepared_model(**self._tokenize(shortest), **audio)
        # DDP averages the gradients of these as well: its hooks are on the weights.
        text = torch.cat([output.text_embeds.float(), *map(self._encode, others)])
        scales = torch.stack([self.model.logit_scale_a.exp(), self.model.logit_scale_t.exp()])
        return output.audio_embeds.float(), text[:n_texts], scales[None]

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        """Embed captions with gradients: (N, D)."""
        by_length = sorted(texts, key=len)
        row = {text: i for i, text in enumerate(by_length)}
        return torch.cat([*map(self._encode, split_evenly(by_length))])[[row[text] for text in texts]]

    def _encode(self, texts: list[str]) -> torch.Tensor:
        with self.accelerator.autocast():
            return self.model.get_text_features(**self._tokenize(texts)).pooler_output.float()

    def _tokenize(self, texts: list[str]) -> dict[str, torch.Tensor]:
        tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        return {name: tokens[name].to(self.accelerator.device) for name in ("input_ids", "attention_mask")}
