"""Train one stage: compose, embed, contrast, step; report, validate, save, and stop when asked to."""

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from tqdm.auto import tqdm
from transformers import ClapProcessor

from modeling_teminal import TeminalModel
from teminal.processes import own_cores
from teminal.sampling.training import TrainingSampler
from teminal.training.averages import weights_of
from teminal.training.batches import Batch, BatchComposer, on_device
from teminal.training.checkpoints import list_checkpoints, save_checkpoint
from teminal.training.config import StageConfig, TrainingConfig
from teminal.training.interrupts import Interrupts
from teminal.training.loading import BatchLoader
from teminal.training.optimization import make_optimizer
from teminal.training.progress import Progress
from teminal.training.state import StageState
from teminal.training.step import TrainingStep
from teminal.training.text_warmup import warm_up_text

logger = logging.getLogger("teminal")
MEANS = ("recognition", "temporal", "zste")


@dataclass
class StageTrainer:
    """Everything the stages share. `model` is trained in place, on every process alike.

    Attributes:
        model: with its adapters and frozen layers.
        progress: where the run is; kept up to date.
        run: what its checkpoints belong to, see [`teminal.training.checkpoints.identity`].
        base: the trained weights as they were before, which checkpoints carry along.
        validate: model -> its ZSTE figures on validation clips, for the main process alone; `None`: no validation.
    """

    accelerator: Accelerator
    model: TeminalModel
    processor: ClapProcessor
    sampler: TrainingSampler
    recipe: TrainingConfig
    progress: Progress
    run: dict
    base: dict[str, torch.Tensor]
    validate: Callable[[TeminalModel], dict] | None = None

    def __post_init__(self):
        prepared_model = self.accelerator.prepare(self.model)
        tokenizer = self.processor.tokenizer
        self.step = TrainingStep(self.accelerator, prepared_model, self.model, tokenizer, self.recipe)
        workers = self.recipe.dataloader_num_workers
        self.num_workers = max(1, own_cores() - 1) if workers is None else workers

    def train(self, stage: str, interrupts: Interrupts, resumed: dict | None = None) -> None:
        """Run one stage from its start, or from a checkpoint within it, to its end.

        Args:
            resumed: tensors of the checkpoint that `progress` is of.

        Raises:
            FloatingPointError: a loss or gradient is not finite; the message has step, checkpoint and clips.
            OSError: a checkpoint cannot be written, or the workers have died or hang.
            MemoryError: that of the device.
            SystemExit: after a signal, once a checkpoint is saved.
        """
        accelerator, recipe, progress = self.accelerator, self.recipe, self.progress
        settings = recipe.stage(stage)
        ranks = accelerator.process_index, accelerator.num_processes
        extractor = self.processor.feature_extractor
        composer = BatchComposer(self.sampler, extractor, stage, settings, recipe.seed, *ranks, accelerator.device)
        self._train_mode()
        if resumed is None:
            self._begin(stage, composer, interrupts)
        state = StageState(accelerator, self.model, *make_optimizer(self.model, settings, recipe), recipe.ema_decay)
        if resumed is not None:
            state.load(resumed)

        n_steps = settings.max_train_steps
        if resumed is not None and self._must_validate(stage) and not self._validate(stage, state, interrupts):
            self._stop(stage, interrupts.received)
        shown = {"desc": f"stage {stage}", "unit": "step", "disable": not accelerator.is_main_process}
        bar = tqdm(total=n_steps, initial=progress.step, **shown)
        batches = BatchLoader(composer, progress.step, self.num_workers)
        try:
            while progress.step < n_steps:
                asked = time.perf_counter()
                batch = batches.next(lambda: interrupts.received)
                if batch is None:
                    self._stop(stage, interrupts.received, state)
                batch = on_device(batch, extractor, accelerator.device)
                waited_s = time.perf_counter() - asked
                losses, signal_number = self._agree(
                    self._take_step(stage, batch, settings, state), interrupts.received
                )
                progress.add_step(stage, losses, len(batch.truth.group), waited_s, time.perf_counter() - asked)
                bar.update()
                bar.set_postfix({name: f"{loss:.3f}" for name, loss in losses.items()}, refresh=False)
                last = progress.step == n_steps
                if last or progress.step % recipe.logging_steps == 0:
                    self._report(losses, state)
                validated = not self._must_validate(stage) or self._validate(stage, state, interrupts)
                if last or signal_number or not validated or progress.step % recipe.save_steps == 0:
                    self._save(state)
                if not validated or (signal_number and not last):
                    self._stop(stage, signal_number or interrupts.received)
        except BaseException as error:
            traceback.clear_frames(error.__traceback__)  # they may hold the batches
            batches.require_workers(error)
            raise
        finally:
            batches.close()
        bar.close()
        state.end()
        self.model.eval()
        figures = ", ".join(f"{name} {value:.4g}" for name, value in progress.end(stage).items())
        logger.info("stage %s: %s", stage, figures)

    def _train_mode(self) -> None:
        """Batch norm keeps its running statistics."""
        self.model.train()
        self.model.audio_model.audio_encoder.batch_norm.eval()

    def _begin(self, stage: str, composer: BatchComposer, interrupts: Interrupts) -> None:
        progress, settings, is_main = self.progress, self.recipe.stage(stage), self.accelerator.is_main_process
        progress.begin(stage)
        if settings.text_warmup_steps:
            started = time.perf_counter()
            encode_text, seed = self.step.encode_text, self.recipe.seed
            in_group = warm_up_text(self.model, encode_text, composer, settings, seed, interrupts, is_main)
            self.model.zero_grad()
            broadcast([parameter.data for parameter in self.model.parameters()])
            progress.figures[stage] |= {"text_warmup_time_s": time.perf_counter() - started}
            if stage != "pretrain":  # whose captions are one a group
                progress.figures[stage] |= {"text_warmup_in_group_loss": in_group}

    def _take_step(self, stage: str, batch: Batch, settings: StageConfig, state: StageState) -> dict[str, float]:
        try:
            losses = self.step.backward(batch, settings)
            norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
            if not torch.isfinite(norm):
                raise FloatingPointError("a gradient is not finite")
        except FloatingPointError as error:
            last = (list_checkpoints(Path(self.recipe.output_dir)) or ["none yet"])[-1]
            raise FloatingPointError(
                f"stage {stage}, step {self.progress.step + 1}: {error}; last good checkpoint: {last}; try a lower "
                f"--learning_rate, or look at the clips of this batch: {', '.join(batch.clips)}"
            ) from error
        except torch.OutOfMemoryError as error:
            raise MemoryError(
                f"stage {stage}, step {self.progress.step + 1}: {str(error).split('. ')[0]}; let the towers see fewer "
                "audios at a time with --mini_batch_size"
            ) from error
        state.update()
        return {name: loss.item() for name, loss in losses.items()}

    def _agree(self, losses: dict[str, float], signal_number: int) -> tuple[dict[str, float], int]:
        """Means of the losses over all processes, and the signal that any of them has received."""
        values = torch.tensor([[*losses.values(), signal_number]], device=self.accelerator.device)
        values = self.accelerator.gather(values)
        return dict(zip(losses, values[:, :-1].mean(0).tolist(), strict=True)), int(values[:, -1].max())

    def _report(self, losses: dict[str, float], state: StageState) -> None:
        progress = self.progress
        values = {**losses, "learning_rate": state.scheduler.get_last_lr()[0], **progress.speed()}
        self.accelerator.log({f"train/{name}": value for name, value in values.items()}, progress.global_step)

    def _must_validate(self, stage: str) -> bool:
        """Whether it is time to, and not done yet: the run may have been stopped meanwhile."""
        step, due = self.progress.step, self.recipe.stage(stage).max_train_steps
        is_time = step and (step == due or step % self.recipe.eval_steps == 0) if self.validate else False
        return is_time and (stage, step) not in [(item["stage"], item["step"]) for item in self.progress.validations]

    def _validate(self, stage: str, state: StageState, interrupts: Interrupts) -> bool:
        """Score the weights that the stage would end with if it ended now; `False` after a signal meanwhile."""
        progress = self.progress
        with weights_of(self.model, state.mean):
            found = interrupts.on_main_process(lambda: self.validate(self.model))
            before = [item["zste"]["zste"] for item in progress.validations if item["stage"] == stage]
            if found and found["zste"] > max(before, default=-1.0):
                state.keep_as_best()
        self._train_mode()
        if found:
            progress.validations.append({"stage": stage, "step": progress.step, "zste": found})
            self.accelerator.log({f"validation/{name}": found[name] for name in MEANS}, progress.global_step)
        return found is not None

    def _stop(self, stage: str, signal_number: int, unsaved: StageState | None = None) -> None:
        """End the run; what is unsaved is saved, unless that would need processes that may hang."""
        if unsaved and self.accelerator.num_processes == 1:
            self._save(unsaved)
        logger.info("stopped after step %d of stage %s; --resume_from_checkpoint latest", self.progress.step, stage)
        raise SystemExit(128 + signal_number)

    def _save(self, state: StageState) -> None:
        tensors = {**state.tensors(), "base": self.base}
        if self.accelerator.is_main_process:
            output_dir, limit = Path(self.recipe.output_dir), self.recipe.save_total_limit
            save_checkpoint(output_dir, self.progress, tensors, self.run, limit)
