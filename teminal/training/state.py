"""All tensors that a stage goes on from: weights, optimizer, schedule, means, and random states."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from modeling_teminal import TeminalModel
from teminal.training.averages import copy_weights, set_weights, trained_weights, update_running_mean
from teminal.training.optimization import clamp_temperature


def random_state(device: torch.device) -> list[torch.Tensor]:
    """Of the generators that dropout draws from: the CPU's, and that of an accelerator (CUDA, MPS, ...)."""
    if device.type == "cpu":
        return [torch.get_rng_state()]
    return [torch.get_rng_state(), torch.get_device_module(device).get_rng_state(device)]


def set_random_state(state: list[torch.Tensor], device: torch.device) -> None:
    """Go on from [`random_state`] of the same device."""
    torch.set_rng_state(state[0])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state[1], device)


@dataclass
class StageState:
    """The model with its optimizer, and the weights that the stage may end with instead of the last.

    Attributes:
        mean: running mean of the trained weights, with decay `ema_decay`; `None` without.
        best: the best trained weights so far by validation.
    """

    accelerator: Accelerator
    model: TeminalModel
    optimizer: torch.optim.Optimizer
    scheduler: torch.optim.lr_scheduler.LRScheduler
    ema_decay: float
    mean: dict[str, torch.Tensor] | None = None
    best: dict[str, torch.Tensor] | None = None

    def __post_init__(self):
        if self.ema_decay:
            self.mean = copy_weights(trained_weights(self.model))

    def update(self) -> None:
        """One step of optimizer and schedule."""
        self.optimizer.step()
        clamp_temperature(self.model)
        self.scheduler.step()
        self.optimizer.zero_grad()
        if self.mean:
            update_running_mean(self.mean, trained_weights(self.model), self.ema_decay)

    def keep_as_best(self) -> None:
        self.best = copy_weights(trained_weights(self.model))

    def end(self) -> None:
        """The model gets the best weights, else the mean, else keeps its own."""
        if chosen := self.best or self.mean:
            set_weights(self.model, chosen)

    def tensors(self) -> dict:
        """What a checkpoint holds; called on all processes."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "mean": self.mean,
            "best": self.best,
            "random": gather_object([random_state(self.accelerator.device)]),
        }

    def load(self, tensors: dict) -> None:
        """Go on from what [`StageState.tensors`] has given on as many processes."""
        device = self.accelerator.device
        self.model.load_state_dict(tensors["model"])
        self.optimizer.load_state_dict(tensors["optimizer"])
        self.scheduler.load_state_dict(tensors["scheduler"])
        on_device = [
            weights and {name: weight.to(device) for name, weight in weights.items()}
            for weights in (tensors["mean"], tensors["best"])
        ]
        self.mean, self.best = on_device
        set_random_state(tensors["random"][self.accelerator.process_index], device)
