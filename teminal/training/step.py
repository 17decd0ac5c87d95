"""One optimizer step: embed, contrast, and back again, whole or in mini-batches with one loss over all of them."""

import math
from collections.abc import Iterator

import torch
from accelerate import Accelerator

from modeling_teminal import TeminalModel
from teminal.training.batches import Batch
from teminal.training.config import StageConfig, TrainingConfig
from teminal.training.objective import Embeddings, batch_losses, distinct_texts
from teminal.training.state import random_state, set_random_state


class TrainingStep:
    """Gradients of a batch in the prepared model, and the losses they are of.

    With `mini_batch_size`, the towers see the batch in parts, twice: first without a graph, for the gradient of the
    loss in each embedding, then part by part for what it means for the weights (GradCache, arXiv 2101.06983). Loss and
    gradients are those of the whole batch in the memory of a part.
    """

    def __init__(
        self, accelerator: Accelerator, prepared_model, model: TeminalModel, tokenizer, recipe: TrainingConfig
    ):
        self.accelerator, self.prepared_model, self.model = accelerator, prepared_model, model
        self.tokenizer, self.recipe = tokenizer, recipe

    def backward(self, batch: Batch, settings: StageConfig) -> dict[str, torch.Tensor]:
        """Leave the gradients in the model.

        Raises:
            FloatingPointError: the embeddings or the loss are not finite.
        """
        parts = list(self._parts(batch))
        if len(parts) == 1:
            losses = self._losses(Embeddings(*self._embed(parts[0]), *self._scales()), batch, settings)
            self.accelerator.backward(losses["loss"])
            return losses

        states, embeds = [], []
        with torch.no_grad():
            for part in parts:
                states.append(random_state(self.accelerator.device))
                embeds.append(self._embed(part))
        after = random_state(self.accelerator.device)
        cached = [torch.cat(embeds_of_tower) for embeds_of_tower in zip(*embeds, strict=True)]
        cached = Embeddings(*(tensor.detach().requires_grad_() for tensor in (*cached, *self._scales())))
        losses = self._losses(cached, batch, settings)
        losses["loss"].backward()
        sizes = [[len(tensor) for tensor in embeds_of_tower] for embeds_of_tower in zip(*embeds, strict=True)]
        gradients = zip(cached.audio.grad.split(sizes[0]), cached.text.grad.split(sizes[1]), strict=True)
        for number, (part, state, gradient) in enumerate(zip(parts, states, gradients, strict=True), start=1):
            set_random_state(state, self.accelerator.device)  # the same dropout as at first sight
            if number < len(parts):
                with self.accelerator.no_sync(self.prepared_model):
                    self._send_back(self._embed(part), gradient)
            else:
                scales = zip(self._scales(), (cached.scale_audio.grad, cached.scale_text.grad), strict=True)
                self._send_back(self._embed(part), gradient, *(scale * of_scale for scale, of_scale in scales))
        set_random_state(after, self.accelerator.device)
        return losses

    def _losses(self, embeds, batch, settings):
        if not all(torch.isfinite(tensor).all() for tensor in embeds.tensors()):
            raise FloatingPointError("an embedding is not finite")
        losses = batch_losses(embeds, batch, settings, self.recipe)
        if not torch.isfinite(losses["loss"]):
            raise FloatingPointError(f"the loss is {losses['loss'].item()}")
        return {name: loss if name == "loss" else loss.detach() for name, loss in losses.items()}

    def _send_back(self, embeds, gradients, *more):
        sums = [(tensor * gradient).sum() for tensor, gradient in zip(embeds, gradients, strict=True)]
        self.accelerator.backward(sum(sums) + sum(more))

    def _parts(self, batch: Batch) -> Iterator[tuple[torch.Tensor, list[str], int]]:
        """(features, texts, how many of the texts count): every part has a text, or a tower would go unused."""
        texts, n_audios = list(distinct_texts(batch)), len(batch.features)
        n_parts = math.ceil(n_audios / (self.recipe.mini_batch_size or n_audios))
        text_rows = torch.arange(len(texts)).tensor_split(n_parts)
        for features, rows in zip(batch.features.tensor_split(n_parts), text_rows, strict=True):
            yield features, [texts[row] for row in rows] or texts[:1], len(rows)

    def _embed(self, part):
        features, texts, n_texts = part
        features = features.to(self.accelerator.device)
        is_longer = torch.zeros(len(features), 1, dtype=torch.bool, device=features.device)
        with self.accelerator.autocast():
            output = self.prepared_model(**self.tokenize(texts), input_features=features, is_longer=is_longer)
        return output.audio_embeds.float(), output.text_embeds[:n_texts].float()

    def tokenize(self, texts: list[str]):
        tokens = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
        return {name: tokens[name].to(self.accelerator.device) for name in ("input_ids", "attention_mask")}

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        return self.model.get_text_features(**self.tokenize(texts)).pooler_output

    def _scales(self):
        return self.model.logit_scale_a.exp(), self.model.logit_scale_t.exp()
