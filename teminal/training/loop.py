"""Train a stage: take a batch, step, log, validate, save, and stop when asked to."""

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from tqdm.auto import tqdm
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.processes import own_cores
from teminal.sampling.training import TrainingSampler
from teminal.training.batches import Batch, BatchComposer, on_device
from teminal.training.checkpoints import list_checkpoints
from teminal.training.config import TrainingConfig
from teminal.training.interrupts import Interrupts
from teminal.training.loading import BatchLoader
from teminal.training.progress import MEANS, Progress
from teminal.training.state import StageState, copy_weights, using_weights
from teminal.training.step import TrainingStep
from teminal.training.text_warmup import warm_up_text

logger = logging.getLogger("teminal")


@dataclass(kw_only=True)
class Trainer:
    """Trains the stages of a run; `model` is trained in place, on every process alike.

    Attributes:
        model: with its adapters and frozen layers.
        progress: how far the run is; kept up to date.
        validate: model -> its ZSTE figures on validation clips, for the main process alone; `None`: no validation.
        save: writes a checkpoint with the tensors of the stage.
    """

    accelerator: Accelerator
    model: TeminalModel
    processor: ClapProcessor
    sampler: TrainingSampler
    config: TrainingConfig
    progress: Progress
    interrupts: Interrupts
    validate: Callable[[TeminalModel], dict] | None
    save: Callable[[dict], None]

    def __post_init__(self) -> None:
        self.step = TrainingStep(self.accelerator, self.model, self.processor.tokenizer, self.config)
        n_workers = self.config.dataloader_num_workers
        self.n_workers = max(1, own_cores() - 1) if n_workers is None else n_workers

    def train(self, stage: str, resumed: dict) -> None:
        """Train one stage from its start, or from the tensors of the checkpoint that `progress` is of, to its end.

        Raises:
            FloatingPointError: a loss or gradient is not finite; the message has step, checkpoint and clips.
            OSError: a checkpoint cannot be written, or the workers have died or hang.
            MemoryError: that of the device.
            SystemExit: after a signal, once a checkpoint is saved.
        """
        accelerator, progress, interrupts = self.accelerator, self.progress, self.interrupts
        self.stage, self.settings = stage, self.config.stage(stage)
        extractor, n_steps = self.processor.feature_extractor, self.settings.max_train_steps

        # 1. Begin, or go on from the checkpoint.
        ranks = {"rank": accelerator.process_index, "n_ranks": accelerator.num_processes, "device": accelerator.device}
        composer = BatchComposer(self.sampler, extractor, stage, self.settings, self.config.seed, **ranks)
        self._set_train_mode()
        if not resumed:
            progress.begin(stage)
            if self.settings.text_warmup_steps:
                self._warm_up_text(composer)
        self.state = StageState(accelerator, self.model, self.settings, self.config)
        if resumed:
            self.state.load(resumed)
            if self._must_validate() and not self._validate():
                self._stop()
        batches = BatchLoader(composer, progress.step, self.n_workers)
        is_main = accelerator.is_main_process
        bar = tqdm(desc=f"stage {stage}", unit="step", total=n_steps, initial=progress.step, disable=not is_main)
        try:
            while progress.step < n_steps:
                # 2. Take the next batch.
                started = time.perf_counter()
                batch = batches.next(lambda: interrupts.received)
                if batch is None:  # the workers hang: other processes may, too, and could not save together
                    if accelerator.num_processes == 1:
                        self.save(self.state.tensors())
                    self._stop()
                batch = on_device(batch, extractor, accelerator.device)
                waited_s = time.perf_counter() - started

                # 3. Take a step, the same on every process.
                losses, signal_number = self._agree(self._take_step(batch), interrupts.received)
                progress.add_step(stage, losses, len(batch.truth.group), waited_s, time.perf_counter() - started)

                # 4. Log, validate, save.
                bar.update()
                bar.set_postfix({name: f"{loss:.3f}" for name, loss in losses.items()}, refresh=False)
                is_last = progress.step == n_steps
                if is_last or progress.step % self.config.logging_steps == 0:
                    self._log(losses)
                is_validated = not self._must_validate() or self._validate()
                if is_last or signal_number or not is_validated or progress.step % self.config.save_steps == 0:
                    self.save(self.state.tensors())

                # 5. Stop after a signal.
                if not is_validated or (signal_number and not is_last):
                    self._stop(signal_number)
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # they may hold the batches
            batches.require_workers(error)
            raise
        finally:
            batches.close()
        bar.close()

        # 6. End with the best weights.
        self.state.end()
        self.model.eval()
        figures = ", ".join(f"{name} {value:.4g}" for name, value in progress.end(stage).items())
        logger.info("stage %s: %s", stage, figures)

    def _stop(self, signal_number: int = 0) -> NoReturn:
        self.interrupts.stop(f"step {self.progress.step} of stage {self.stage}", signal_number)

    def _set_train_mode(self) -> None:
        """Batch norm keeps its running statistics."""
        self.model.train()
        self.model.audio_model.audio_encoder.batch_norm.eval()

    def _warm_up_text(self, composer: BatchComposer) -> None:
        started, is_main = time.perf_counter(), self.accelerator.is_main_process
        in_group = warm_up_text(self.model, self.step.encode_text, composer, self.interrupts, is_main)
        self.model.zero_grad()
        broadcast([parameter.data for parameter in self.model.parameters()])
        figures = {"text_warmup_time_s": time.perf_counter() - started}
        if self.stage != "pretrain":  # whose captions are one a group
            figures["text_warmup_in_group_loss"] = in_group
        self.progress.figures[self.stage].update(figures)

    def _take_step(self, batch: Batch) -> dict[str, float]:
        where = f"stage {self.stage}, step {self.progress.step + 1}"
        try:
            losses = self.step.backward(batch, self.settings)
            norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
            if not torch.isfinite(norm):
                raise FloatingPointError("a gradient is not finite")
        except FloatingPointError as error:
            *_, last = "none yet", *list_checkpoints(Path(self.config.output_dir))
            raise FloatingPointError(
                f"{where}: {error}; last good checkpoint: {last}; try a lower --learning_rate, or look "
                f"at the clips of this batch: {', '.join(batch.clips)}"
            ) from error
        except torch.OutOfMemoryError as error:
            cure = "let the towers see fewer audios at a time with --mini_batch_size"
            raise MemoryError(f"{where}: {str(error).split('. ')[0]}; {cure}") from error
        self.state.update()
        return {name: loss.item() for name, loss in losses.items()}

    def _agree(self, losses: dict[str, float], signal_number: int) -> tuple[dict[str, float], int]:
        """Return the means of the losses over all processes, and the signal that any of them has received."""
        values = torch.tensor([[*losses.values(), signal_number]], device=self.accelerator.device)
        values = self.accelerator.gather(values)
        return dict(zip(losses, values[:, :-1].mean(0).tolist(), strict=True)), int(values[:, -1].max())

    def _log(self, losses: dict[str, float]) -> None:
        values = {**losses, "learning_rate": self.state.scheduler.get_last_lr()[0], **self.progress.speed()}
        self.accelerator.log({f"train/{name}": value for name, value in values.items()}, self.progress.global_step)

    def _must_validate(self) -> bool:
        """Tell whether it is time to validate, and not done yet: the run may have been stopped meanwhile."""
        step = self.progress.step
        if self.validate is None or step == 0:
            return False
        is_time = step == self.settings.max_train_steps or step % self.config.eval_steps == 0
        return is_time and (self.stage, step) not in [(it["stage"], it["step"]) for it in self.progress.validations]

    def _validate(self) -> bool:
        """Score the weights that the stage would end with if it ended now; `False` after a signal meanwhile."""
        progress, validate = self.progress, self.validate
        with using_weights(self.model, self.state.mean):
            found = validate and self.interrupts.on_main_process(lambda: validate(self.model))
            before = [item["zste"]["zste"] for item in progress.validations if item["stage"] == self.stage]
            if found and found["zste"] > max(before, default=-1.0):
                self.state.best = copy_weights(self.model)
        self._set_train_mode()
        if found:
            progress.validations.append({"stage": self.stage, "step": progress.step, "zste": found})
            self.accelerator.log({f"validation/{name}": found[name] for name in MEANS}, progress.global_step)
        return found is not None
