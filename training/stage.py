"""Train one stage: compose, embed, gather, contrast."""

import logging
import math
import time
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch.nn import functional as F
from tqdm.auto import tqdm
from transformers import ClapProcessor, get_cosine_schedule_with_warmup

from dataset_scripts.bank import ClipBank
from dataset_scripts.captions import say
from dataset_scripts.scenes import Caption
from modeling_teminal import TeminalModel, in_group_loss, tnce_loss
from training.batches import Batch, BatchComposer
from training.distributed import gather_rows
from training.prefetch import prefetch
from training.recipe import Recipe, StageSettings
from training.text_warmup import warm_up_text

logger = logging.getLogger(__name__)

MAX_LOGIT_SCALE = 100.0


@dataclass
class StageTrainer:
    """Everything the stages share. `model` is trained in place, on every process alike."""

    accelerator: Accelerator
    model: TeminalModel
    processor: ClapProcessor
    bank: ClipBank
    recipe: Recipe

    def __post_init__(self):
        if self.model.config.audio_config.enable_fusion:  # scenes fit one window: what fuses longer audio is not used
            patch_embed = self.model.audio_model.audio_encoder.patch_embed
            patch_embed.fusion_model.requires_grad_(False)
            patch_embed.mel_conv2d.requires_grad_(False)
        self.prepared_model = self.accelerator.prepare(self.model)

    def train(self, stage: str) -> dict[str, float]:
        """Run one stage in place and return its figures: loss, pairs/s, share of the time spent waiting for data."""
        settings, accelerator = self.recipe.stage[stage], self.accelerator
        composer = BatchComposer(
            self.bank,
            self.processor.feature_extractor,
            stage,
            settings,
            self.recipe.seed,
            accelerator.process_index,
            accelerator.num_processes,
        )
        figures = {}
        self.model.train()
        self.model.audio_model.audio_encoder.batch_norm.eval()
        if settings.text_warmup_steps:
            figures["text_warmup_in_group_loss"] = warm_up_text(
                self.model, self.encode_text, composer, settings, self.recipe.seed, accelerator.is_main_process
            )
            self.model.zero_grad()
            broadcast([parameter.data for parameter in self.model.parameters()])

        optimizer = torch.optim.AdamW(
            _parameter_groups(self.model, self.recipe.weight_decay), lr=settings.learning_rate
        )
        scheduler = get_cosine_schedule_with_warmup(
            optimizer, round(self.recipe.warmup_ratio * settings.max_train_steps), settings.max_train_steps
        )
        started, waited_s, n_pairs, history = time.perf_counter(), 0.0, 0, []
        progress = tqdm(
            prefetch(composer, settings.max_train_steps),
            total=settings.max_train_steps,
            desc=f"stage {stage}",
            unit="step",
            disable=not accelerator.is_main_process,
        )
        for batch, wait_s in progress:
            losses = self.losses(batch, settings)
            accelerator.backward(losses["loss"])
            accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            with torch.no_grad():
                for scale in (self.model.logit_scale_a, self.model.logit_scale_t):
                    scale.clamp_(0, math.log(MAX_LOGIT_SCALE))
            history.append({name: value.item() for name, value in losses.items()})
            waited_s += wait_s
            n_pairs += len(batch.truth["group"])
            progress.set_postfix({name: f"{value:.3f}" for name, value in history[-1].items()}, refresh=False)

        elapsed_s = time.perf_counter() - started
        last = history[-max(1, len(history) // 10) :]
        mean_losses = torch.tensor([sum(item[name] for item in last) / len(last) for name in last[0]])
        mean_losses = accelerator.reduce(mean_losses.to(accelerator.device), "mean").tolist()
        figures.update(zip(last[0], mean_losses, strict=True))
        figures.update(pairs_per_s=n_pairs / elapsed_s, wait_share=waited_s / elapsed_s, time_s=elapsed_s)
        logger.info("stage %s: %s", stage, ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
        self.model.eval()
        return figures

    def losses(self, batch: Batch, settings: StageSettings) -> dict[str, torch.Tensor]:
        """`loss` and the parts that it is the weighted sum of."""
        device = self.accelerator.device
        class_captions = [say(Caption("single", (label,))) for label in self.bank.classes]
        texts = list(dict.fromkeys(batch.texts + class_captions * bool(len(batch.replay_class))))
        row = {text: i for i, text in enumerate(texts)}
        features = batch.features.to(device)
        is_longer = torch.zeros(len(features), 1, dtype=torch.bool, device=device)
        with self.accelerator.autocast():
            output = self.prepared_model(**self.tokenize(texts), input_features=features, is_longer=is_longer)
        audio_embeds, text_embeds = output.audio_embeds.float(), output.text_embeds.float()
        scales = self.model.logit_scale_a.exp(), self.model.logit_scale_t.exp()

        pairs = (
            gather_rows(audio_embeds[batch.audio_rows.to(device)]),
            gather_rows(text_embeds[[row[text] for text in batch.texts]]),
            *scales,
        )
        truth = {name: value.to(device) for name, value in batch.truth.items()}
        weights = {name: getattr(self.recipe, name) for name in ("alpha_same", "alpha_cross", "beta")}
        parts = {"tnce": tnce_loss(*pairs, **truth, **weights)}
        loss = parts["tnce"]
        if settings.in_group_weight:
            parts["in_group"] = in_group_loss(*pairs, **truth)
            loss = loss + settings.in_group_weight * parts["in_group"]
        if len(batch.replay_class):
            replayed = audio_embeds[-len(batch.replay_class) :]
            logits = replayed @ text_embeds[[row[caption] for caption in class_captions]].T * scales[0]
            parts["replay"] = F.cross_entropy(logits, batch.replay_class.to(device))
            loss = loss + settings.replay_weight * parts["replay"]
        return {"loss": loss, **parts}

    def tokenize(self, texts: list[str]):
        return self.processor.tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(
            self.accelerator.device
        )

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        return self.model.get_text_features(**self.tokenize(texts)).pooler_output


def _parameter_groups(model, weight_decay):
    """Weight decay for matrices alone, not for biases, norms and temperatures."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
