"""The training step that people write by hand with transformers alone, for `train_step.py` to compare with."""

import contextlib
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, Dataset
from transformers import ClapModel, ClapProcessor

from teminal.rendering import SAMPLING_RATE, render
from teminal.training.batches import BatchComposer
from teminal.training.config import STAGES


class Groups(Dataset):
    """Composed groups: variant -> its (480000,) waveform and its caption; those of the composer's first steps."""

    def __init__(self, composer: BatchComposer, n_steps: int):
        self.bank = composer.sampler.bank
        self.groups = []
        for step in range(n_steps):
            rng = np.random.default_rng([composer.seed, STAGES.index(composer.stage), step])
            self.groups += composer.draw(rng, composer.settings.per_device_train_batch_size)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> dict[str, tuple[np.ndarray, str]]:
        group = self.groups[index]
        waveforms = render([pair.composition for pair in group], self.bank.loops, self.bank.raw)
        pairs = zip(group, waveforms, strict=True)
        return {pair.composition.variant: (waveform, pair.text) for pair, waveform in pairs}


class StockStep:
    """One forward pass of `ClapModel` and its own loss per variant; AdamW on their sum."""

    def __init__(self, checkpoint: Path, composer: BatchComposer, n_steps: int, device: torch.device, bf16: bool):
        self.model = ClapModel.from_pretrained(checkpoint).to(device).train()
        self.processor = ClapProcessor.from_pretrained(checkpoint)
        settings = composer.settings
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=settings.learning_rate)
        self.groups, self.n_groups = Groups(composer, n_steps), settings.per_device_train_batch_size
        self.device, self.bf16 = device, bf16

    def collate(self, groups: list[dict]) -> list[dict[str, torch.Tensor]]:
        """The model's inputs for each variant."""
        inputs = []
        for variant in groups[0]:
            audio, text = zip(*(group[variant] for group in groups), strict=True)
            inputs.append(
                self.processor(
                    text=list(text),
                    audio=list(audio),
                    sampling_rate=SAMPLING_RATE,
                    padding=True,
                    return_tensors="pt",
                )
            )
        return inputs

    def batches(self, num_workers: int) -> DataLoader:
        return DataLoader(self.groups, self.n_groups, collate_fn=self.collate, num_workers=num_workers)

    def step(self, batch: list[dict[str, torch.Tensor]]) -> float:
        self.optimizer.zero_grad()
        loss = 0.0
        for inputs in batch:
            inputs = {name: value.to(self.device) for name, value in inputs.items()}
            with torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext():
                loss = loss + self.model(**inputs, return_loss=True).loss
        loss.backward()
        clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()
