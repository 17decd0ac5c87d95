"""Train a stage: load a batch, step, log, validate, save, and stop after a signal."""

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
from teminal.processes import count_cores
from teminal.sampling.training import TrainingSampler
from teminal.training.batches import Batch, BatchComposer, on_device
from teminal.training.checkpoints import list_checkpoints
from teminal.training.config import TrainingConfig
from teminal.training.interrupts import Interrupts
from teminal.training.loading import BatchLoader
from teminal.training.progress import MEANS, Progress
from teminal.training.stages import ORDER_STAGES
from teminal.training.state import StageState, copy_weights, fix_weights, trained_weights_of, using_weights
from teminal.training.step import TrainingStep
from teminal.training.text_warmup import warm_up_text

logger = logging.getLogger("teminal")


@dataclass(kw_only=True)
class Trainer:
    """Trainer of the stages of a run; it changes `model` in place.

    Attributes:
        model: with its adapters and frozen layers.
        progress: updated with every step.
        validate: model -> ZSTE on validation clips, called on the main process; `None`: no validation.
        save: saves a checkpoint with the given tensors.
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
        self.text_weights = trained_weights_of(self.model, "text_model")
        self.head_weights = trained_weights_of(self.model, "temporal_head")
        n_workers = self.config.dataloader_num_workers
        self.n_workers = max(1, count_cores() - 1) if n_workers is None else n_workers

    def train(self, stage: str, resumed: dict) -> None:
        """Train one stage to its end.

        Args:
            resumed: tensors of the checkpoint that `progress` was loaded from; empty: start the stage.

        Raises:
            FloatingPointError: a loss or gradient is not finite; the message names step, checkpoint and clips.
            OSError: a checkpoint cannot be written, or the workers have died or hang.
            MemoryError: the device is out of memory.
            SystemExit: after a signal, once a checkpoint is saved.
        """
        accelerator, progress, interrupts = self.accelerator, self.progress, self.interrupts
        self.stage, self.settings = stage, self.config.stage(stage)
        extractor, n_steps = self.processor.feature_extractor, self.settings.max_train_steps

        # 1. Start the stage, or resume it from the checkpoint.
        ranks = {"rank": accelerator.process_index, "n_ranks": accelerator.num_processes, "device": accelerator.device}
        composer = BatchComposer(self.sampler, extractor, stage, self.settings, self.config.seed, **ranks)
        if not resumed:
            progress.start_stage(stage)
            if self.settings.text_warmup_steps:
                self._warm_up_text(composer)
        fix_weights(self.text_weights, self.settings.text_learning_rate == 0)
        fix_weights(self.head_weights, stage not in ORDER_STAGES)
        self._set_train_mode()
        self.step.prepare()
        self.state = StageState(accelerator, self.model, self.settings, self.config)
        if resumed:
            self.state.load(resumed)
            if not self._validate_if_due():
                self._stop()
        batches = BatchLoader(composer, progress.step, self.n_workers)
        is_main = accelerator.is_main_process
        bar = tqdm(desc=f"stage {stage}", unit="step", total=n_steps, initial=progress.step, disable=not is_main)
        try:
            while progress.step < n_steps:
                # 2. Load the next batch.
                started = time.perf_counter()
                batch = batches.next(lambda: interrupts.received)
                if batch is None:  # the workers hang; with several processes the others may hang too, and cannot save
                    if accelerator.num_processes == 1:
                        self.save(self.state.tensors())
                    self._stop()
                batch = on_device(batch, extractor, accelerator.device)
                waited_s = time.perf_counter() - started

                # 3. Take a step, and share losses and signals between processes.
                losses, signal_number = self._share(self._take_step(batch), interrupts.received)
                progress.add_step(stage, losses, len(batch.truth.group), waited_s, time.perf_counter() - started)

                # 4. Log, validate, save.
                bar.update()
                bar.set_postfix({name: f"{loss:.3f}" for name, loss in losses.items()}, refresh=False)
                is_last = progress.step == n_steps
                if is_last or progress.step % self.config.logging_steps == 0:
                    self._log(losses)
                was_interrupted = not self._validate_if_due()
                if is_last or signal_number or was_interrupted or progress.step % self.config.save_steps == 0:
                    self.save(self.state.tensors())

                # 5. Stop after a signal.
                if was_interrupted or (signal_number and not is_last):
                    self._stop(signal_number)
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # frames keep batches in memory
            batches.require_workers(error)
            raise
        finally:
            batches.close()
        bar.close()

        # 6. Use the best weights.
        self.state.use_final_weights()
        fix_weights(self.text_weights + self.head_weights, False)
        self.model.eval()
        figures = ", ".join(f"{name} {value:.4g}" for name, value in progress.end_stage(stage).items())
        logger.info("stage %s: %s", stage, figures)

    def _stop(self, signal_number: int = 0) -> NoReturn:
        self.interrupts.stop(f"step {self.progress.step} of stage {self.stage}", signal_number)

    def _set_train_mode(self) -> None:
        """Set the training mode, but keep the running statistics of batch norm."""
        self.model.train()
        self.model.audio_model.audio_encoder.batch_norm.eval()
        if self.settings.text_learning_rate == 0:
            self.model.text_model.eval()

    def _warm_up_text(self, composer: BatchComposer) -> None:
        started, is_main = time.perf_counter(), self.accelerator.is_main_process
        self.model.text_model.eval()  # with dropout, a pretrained encoder takes many more steps to see order
        in_group, _ = warm_up_text(self.model, self.step.encode_text, composer, self.interrupts, is_main)
        self.model.zero_grad()
        broadcast([parameter.data for parameter in self.model.parameters()])
        figures = {"text_warmup_time_s": time.perf_counter() - started}
        if self.stage != "pretrain":  # its groups have one caption each
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
            saved = list_checkpoints(Path(self.config.output_dir))
            raise FloatingPointError(
                f"{where}: {error}; last good checkpoint: {saved[-1] if saved else 'none yet'}; try a lower "
                f"--learning_rate, or look at the clips of this batch: {', '.join(batch.clips)}"
            ) from error
        except torch.OutOfMemoryError as error:
            cure = "let the towers see fewer windows at a time with --mini_batch_size"
            raise MemoryError(f"{where}: {str(error).split('. ')[0]}; {cure}") from error
        self.state.update()
        return {name: loss.item() for name, loss in losses.items()}

    def _share(self, losses: dict[str, float], signal_number: int) -> tuple[dict[str, float], int]:
        """Return the mean losses over all processes, and a signal that any of them received."""
        values = [[*losses.values(), signal_number]]
        gathered = self.accelerator.gather(torch.tensor(values, device=self.accelerator.device))
        return dict(zip(losses, gathered[:, :-1].mean(0).tolist(), strict=True)), int(gathered[:, -1].max())

    def _log(self, losses: dict[str, float]) -> None:
        values = {**losses, "learning_rate": self.state.scheduler.get_last_lr()[0], **self.progress.compute_speed()}
        self.accelerator.log({f"train/{name}": value for name, value in values.items()}, self.progress.global_step)

    def _validate_if_due(self) -> bool:
        """Validate if it is due and not done yet; return `False` if a signal interrupted it."""
        progress, validate, step = self.progress, self.validate, self.progress.step
        if validate is None or step == 0:
            return True
        is_due = step == self.settings.max_train_steps or step % self.config.eval_steps == 0
        earlier = [item for item in progress.validations if item["stage"] == self.stage]
        if not is_due or step in [item["step"] for item in earlier]:
            return True
        with using_weights(self.model, self.state.mean):
            found = self.interrupts.run_on_main_process(lambda: validate(self.model))
            if found and found["zste"] > max((item["zste"]["zste"] for item in earlier), default=-1.0):
                self.state.best = copy_weights(self.model)
        self._set_train_mode()
        if found:
            progress.validations.append({"stage": self.stage, "step": step, "zste": found})
            self.accelerator.log({f"validation/{name}": found[name] for name in MEANS}, progress.global_step)
        return found is not None
