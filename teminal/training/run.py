"""Run a training from its configuration to its results."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from accelerate.utils import broadcast_object_list

from teminal.evaluation.plots import plot_bars
from teminal.evaluation.statistics import list_versions
from teminal.evaluation.tables import format_table
from teminal.files import lock_folder, write_json
from teminal.hub import check_hub_access
from teminal.sampling.training import TrainingSampler
from teminal.training.card import RESULTS, describe_run, write_card
from teminal.training.checkpoints import (
    check_output_dir,
    find_checkpoint,
    load_checkpoint,
    remove_unfinished,
    run_identity,
    save_checkpoint,
)
from teminal.training.config import TrainingConfig
from teminal.training.config_file import check_scratch
from teminal.training.data import Clips
from teminal.training.interrupts import Interrupts
from teminal.training.launch import require_agreement, start_accelerator, start_trackers
from teminal.training.loop import Trainer
from teminal.training.models import adapt, export_model, freeze, mix_with_base, prepare_model, require_layers
from teminal.training.progress import Progress, plot_course
from teminal.training.publish import push_model
from teminal.training.scoring import SingleSoundScorer, ZsteScorer
from teminal.training.state import copy_weights

ADAPTER_WEIGHT = re.compile(r"lora_|\.original_module\.")  # PEFT keeps a copy of modules it trains
logger = logging.getLogger("teminal")


@contextmanager
def start_run(config: TrainingConfig, clips: Clips) -> Iterator["TrainingRun"]:
    """Prepare a run, and lock its output folder until the context ends.

    Raises:
        ValueError, OSError: naming the option at fault.
    """
    with ExitStack() as locks:
        run = TrainingRun(config, clips, locks)
        yield run
        run.accelerator.end_training()


class TrainingRun:
    """Model, clips, scores and output of a run; `train_accelerate.py` shows how to use it."""

    def __init__(self, config: TrainingConfig, clips: Clips, locks: ExitStack):
        # 1. Check what can be checked before any work.
        self.config, self.started, self.output_dir = config, time.perf_counter(), Path(config.output_dir)
        check_scratch(config)
        self.accelerator = start_accelerator(config)
        self.is_main = self.accelerator.is_main_process
        checkpoint = broadcast_object_list([find_checkpoint(self.output_dir, config.resume_from_checkpoint)])[0]
        check_output_dir(config, checkpoint)
        make_model = prepare_model(config)
        if config.hub_model_id and self.is_main:
            check_hub_access("--hub_model_id", config.hub_model_id, "model", config.hub_private_repo)
        if self.is_main:
            locks.enter_context(lock_folder(self.output_dir, "run"))
            remove_unfinished(self.output_dir)

        # 2. Decode the clips and load the checkpoint.
        with self.accelerator.local_main_process_first():
            bank, validation_bank, test_bank, kept_bank = clips.decode(config)
        banks = {"training": bank, "validation": validation_bank, "test": test_bank, "kept": kept_bank}
        self.identity = run_identity(config, banks, self.accelerator.num_processes)
        require_agreement(self.identity)
        self.progress = Progress()
        self.resumed: dict = {}
        if checkpoint:
            self.progress, self.resumed = load_checkpoint(checkpoint, self.identity)

        # 3. Make sampler, model and scorers.
        self.sampler = TrainingSampler(bank, config.paraphrase_share)
        self.model, self.processor = make_model(bank)
        require_layers(self.model, config.freeze_layers)
        self.model.to(self.accelerator.device)
        seed, n_scenes, n_validation = config.seed, config.n_scenes, config.validation_scenes
        self.score_test = ZsteScorer(test_bank, self.processor, n_scenes, seed)
        self.validate = ZsteScorer(validation_bank, self.processor, n_validation, seed) if validation_bank else None
        self.score_kept = SingleSoundScorer(kept_bank, self.processor, n_scenes, seed) if kept_bank else None
        self.about_clips = {
            "n_eval_clips": len(test_bank.clips),
            "skipped": bank.skipped | test_bank.skipped | (validation_bank.skipped if validation_bank else {}),
        }
        self.trainer: Trainer | None = None
        self.interrupts = Interrupts(self.accelerator)
        start_trackers(self.accelerator, self.identity)

    def stages_left(self) -> Iterator[str]:
        """Yield the unfinished stages; each counts as finished when the next is requested."""
        while self.progress.stage < len(self.config.stages):
            yield self.config.stages[self.progress.stage]
            self.progress.stage, self.progress.step = self.progress.stage + 1, 0

    def train(self, stage: str) -> None:
        """Train and evaluate a stage, and save its model; see [`Trainer.train`] for errors."""
        number = self.progress.stage
        if stage != "pretrain":
            self._score("base")
        if self.trainer is None or self.config.stages[number - 1] == "pretrain":
            self.trainer = self._make_trainer(stage)
        self.trainer.train(stage, self.resumed)
        self.resumed = {}
        self._score("base" if stage == "pretrain" else f"after {stage}")
        if self.is_main and number < len(self.config.stages) - 1:
            export_model(self.model, self.processor, self.output_dir / f"after_{stage}")

    def _make_trainer(self, stage: str) -> Trainer:
        if stage == "pretrain":
            freeze(self.model, 0, self.config.learn_temperature)
        else:
            self.model = adapt(self.model, self.config)
        base = copy_weights(self.model) if self.config.wise_ft else {}
        self.base = self.resumed.get("base", base)
        self.accelerator.free_memory()
        return Trainer(
            accelerator=self.accelerator,
            model=self.model,
            processor=self.processor,
            sampler=self.sampler,
            config=self.config,
            progress=self.progress,
            interrupts=self.interrupts,
            validate=self.validate if self.config.eval_steps else None,
            save=self._save,
        )

    def _save(self, tensors: dict) -> None:
        """Save a checkpoint with the base's weights, which WiSE-FT needs."""
        if self.is_main:
            tensors, limit = {**tensors, "base": self.base}, self.config.save_total_limit
            save_checkpoint(self.output_dir, self.progress, tensors, self.identity, limit)

    def _score(self, name: str) -> None:
        """Evaluate the model and store its scores under `name`, unless they are there."""
        if name not in self.progress.zste:
            found = self.interrupts.run_on_main_process(self._evaluate)
            if not found:
                self.interrupts.stop(f"{self.progress.global_step} steps, before ZSTE {name} was known")
            self._store(name, found)

    def _evaluate(self) -> dict:
        return {"zste": self.score_test(self.model), "kept": self.score_kept and self.score_kept(self.model)}

    def _store(self, name: str, found: dict) -> None:
        self.progress.zste[name] = found["zste"]
        if self.score_kept:
            self.progress.kept[name] = found["kept"]

    def finish(self) -> None:
        """Save the model with its results, plots and card, and publish it if the configuration says so."""
        if not self.is_main:
            return
        config, progress, folder = self.config, self.progress, self.output_dir
        wise_ft = None
        if config.wise_ft:
            wise_ft = mix_with_base(self.model, self.base, config.wise_ft, self.validate)
            self._store(f"WiSE-FT {wise_ft['share']:g}", self._evaluate())
        weights = {name: weight for name, weight in self.model.named_parameters() if not ADAPTER_WEIGHT.search(name)}
        (folder / RESULTS).unlink(missing_ok=True)
        results = {
            **describe_run(config, self.sampler),
            **self.about_clips,
            "temporal_head": self.model.config.temporal_head,
            "n_parameters": sum(weight.numel() for weight in weights.values()),
            "stages": progress.figures,
            "zste": progress.zste,
            "kept": progress.kept,
            "wise_ft": wise_ft,
            "validations": progress.validations,
            "versions": list_versions(),
            "wall_time_s": round(time.perf_counter() - self.started, 1),
            "files": [*export_model(self.model, self.processor, folder), "zste.png", "course.png"],
        }
        plot_bars(folder / "zste.png", progress.zste, f"ZSTE on held-out {config.source} clips")
        plot_course(folder / "course.png", progress)
        write_card(folder, results)
        write_json(folder / RESULTS, results)  # last: where it is, the run is finished
        print(format_table(progress.zste))
        if progress.kept:
            print(f"\nsingle sounds of {config.keep_source}, zero-shot (%)\n{format_table(progress.kept)}")
        logger.info("model, results.json, zste.png and course.png are in %s", folder)
        if config.hub_model_id:
            logger.info("published: %s", push_model(folder, config.hub_model_id))
