"""TeminAL's training step and the checkpoint that both sides of `train_step.py` start from."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml
from accelerate import Accelerator
from transformers import ClapConfig, ClapProcessor

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel
from teminal.clips import ClipBank
from teminal.sampling.training import Pair, TrainingSampler
from teminal.training.batches import Batch, BatchComposer, on_device
from teminal.training.config import TrainingConfig
from teminal.training.loading import BatchLoader
from teminal.training.scratch import build_scratch_clap
from teminal.training.state import StageState
from teminal.training.step import TrainingStep

TINY = Path(__file__).parents[1] / "configs" / "esc50_tiny.yaml"


class OrderSampler(TrainingSampler):
    """Stage B's groups without the pair of the single variant."""

    def draw_pairs(self, stage: str, rng: np.random.Generator, number: int) -> list[Pair]:
        return [pair for pair in super().draw_pairs(stage, rng, number) if pair.composition.variant != "single"]


class OurStep:
    """A step of [`teminal.training.loop.Trainer`]."""

    def __init__(self, checkpoint: Path, composer: BatchComposer, device: torch.device, bf16: bool):
        self.composer, self.settings = composer, composer.settings
        recipe = TrainingConfig(model_name_or_path="clap", mixed_precision="bf16" if bf16 else "no")
        self.accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=recipe.mixed_precision)
        self.model = TeminalModel.from_pretrained(checkpoint).to(device).train()
        self.model.audio_model.audio_encoder.batch_norm.eval()
        tokenizer = ClapProcessor.from_pretrained(checkpoint).tokenizer
        self.training_step = TrainingStep(self.accelerator, self.model, tokenizer, recipe)
        self.state = StageState(self.accelerator, self.model, self.settings, recipe)
        self.max_grad_norm = recipe.max_grad_norm

    def batches(self, num_workers: int) -> Iterator[Batch]:
        loader = BatchLoader(self.composer, 0, num_workers)
        try:
            for _ in range(len(self.composer)):
                yield on_device(loader.next(), self.composer.extractor, self.accelerator.device)
        finally:
            loader.close()

    def step(self, batch: Batch) -> float:
        losses = self.training_step.backward(batch, self.settings)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.max_grad_norm)
        self.state.update()
        return losses["loss"].item()


def save_checkpoint(size: str, bank: ClipBank, folder: Path) -> None:
    """The model of the tiny recipe, or one of the size of laion/clap-htsat-unfused with the tiny one's tokenizer."""
    torch.manual_seed(0)
    model, processor = build_scratch_clap(bank, temporal_head=False, **yaml.safe_load(TINY.read_text())["scratch"])
    if size == "full":
        model = TeminalModel(TeminalConfig(**ClapConfig().to_dict()))
        extractor = TeminalFeatureExtractor(truncation="rand_trunc", frequency_min=50)
        processor = ClapProcessor(extractor, processor.tokenizer)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
