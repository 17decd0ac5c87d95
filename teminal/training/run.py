"""One run from its recipe to its results: the clips decoded, the stages trained, scored, saved and published."""

import atexit
import logging
import re
import time
from contextlib import ExitStack
from pathlib import Path

from accelerate.utils import broadcast_object_list
from safetensors import SafetensorError

from teminal.endings import errors_in_one_line
from teminal.evaluation.plots import plot_bars
from teminal.evaluation.statistics import list_versions
from teminal.evaluation.tables import format_table
from teminal.files import lock_folder
from teminal.hub import check_hub_access
from teminal.sampling.training import TrainingSampler
from teminal.training.averages import copy_weights, trained_weights
from teminal.training.card import write_card
from teminal.training.checkpoints import find_checkpoint, identity, load_checkpoint, remove_unfinished
from teminal.training.config import TrainingConfig
from teminal.training.config_file import check_scratch
from teminal.training.data import Clips
from teminal.training.export import export_model
from teminal.training.interrupts import Interrupts
from teminal.training.launch import require_agreement, start_accelerator, start_trackers
from teminal.training.models import adapt, mix_with_base, prepare_model
from teminal.training.optimization import freeze, require_layers
from teminal.training.output_dir import check_output_dir
from teminal.training.progress import Progress
from teminal.training.publish import push_model
from teminal.training.report import plot_course
from teminal.training.results import RESULTS, about_run, write_results
from teminal.training.scoring import KeptSounds, Scorer
from teminal.training.stage import StageTrainer

COMMAND = "train_accelerate.py"
ADAPTER = re.compile(r"lora_|\.original_module\.")  # PEFT keeps what it copies to train
logger = logging.getLogger("teminal")


@errors_in_one_line(COMMAND, FloatingPointError, MemoryError, OSError, SafetensorError)
def run_recipe(recipe: TrainingConfig, clips: Clips) -> None:
    """Train, score and save what the recipe says; a fault ends the command in one line.

    Args:
        clips: of the recipe, not decoded yet.
    """
    started = time.perf_counter()
    output_dir = Path(recipe.output_dir)
    claim = ExitStack()
    atexit.register(claim.close)
    with errors_in_one_line(COMMAND, ValueError):
        check_scratch(recipe)
        accelerator = start_accelerator(recipe)
        resumed = broadcast_object_list([find_checkpoint(output_dir, recipe.resume_from_checkpoint)])[0]
        check_output_dir(recipe, resumed)
        make_model = prepare_model(recipe)
        if recipe.push_to_hub and accelerator.is_main_process:
            check_hub_access("--hub_model_id", recipe.hub_model_id, "model", recipe.hub_private_repo)
        if accelerator.is_main_process:
            claim.enter_context(lock_folder(output_dir, "run"))
            remove_unfinished(output_dir)
        with accelerator.local_main_process_first():
            bank, validation_bank, test_bank, kept_bank = clips.banks(recipe)
        banks = {"training": bank, "validation": validation_bank, "test": test_bank, "kept": kept_bank}
        run = identity(recipe, banks, accelerator.num_processes)
        require_agreement(run)
        progress, tensors = load_checkpoint(resumed, run) if resumed else (Progress(), None)
        sampler = TrainingSampler(bank)
        model, processor = make_model(bank)
        require_layers(model, recipe.freeze_layers)
        model.to(accelerator.device)
        test = Scorer(test_bank, processor, recipe.n_scenes, recipe.seed)
        validation = validation_bank and Scorer(validation_bank, processor, recipe.validation_scenes, recipe.seed)
        kept = kept_bank and KeptSounds(kept_bank, processor, recipe.n_scenes, recipe.seed)
        start_trackers(accelerator, run)

    def evaluate():
        return {"zste": test(model), "kept": kept(model) if kept else None}

    def keep(name, found):
        progress.zste[name] = found["zste"]
        if kept:
            progress.kept[name] = found["kept"]

    def score(name):
        if name in progress.zste:
            return
        found = interrupts.on_main_process(evaluate)
        if not found:
            logger.info("stopped before ZSTE %s was known; --resume_from_checkpoint latest", name)
            raise SystemExit(128 + interrupts.received)
        keep(name, found)

    trainer = None
    with Interrupts(accelerator) as interrupts:
        for number, stage in enumerate(recipe.stages[progress.stage :], start=progress.stage):
            if stage != "pretrain":
                score("base")
            if trainer is None or recipe.stages[number - 1] == "pretrain":
                if stage == "pretrain":
                    freeze(model, 0, recipe.learn_temperature)
                else:
                    model = adapt(model, recipe)
                base = copy_weights(trained_weights(model)) if recipe.wise_ft else {}
                if tensors:
                    base = {name: weight.to(accelerator.device) for name, weight in tensors["base"].items()}
                accelerator.free_memory()
                shared = accelerator, model, processor, sampler, recipe, progress, run, base
                trainer = StageTrainer(*shared, validate=validation if recipe.eval_steps else None)
            trainer.train(stage, interrupts, tensors)
            tensors = None
            score("base" if stage == "pretrain" else f"after {stage}")
            if accelerator.is_main_process and number < len(recipe.stages) - 1:
                export_model(model, processor, output_dir / f"after_{stage}")
            progress.stage, progress.step = number + 1, 0

    if accelerator.is_main_process:
        wise_ft = mix_with_base(model, base, recipe.wise_ft, validation) if recipe.wise_ft else None
        if wise_ft:
            keep(f"WiSE-FT {wise_ft['share']:g}", evaluate())
        results = {
            **about_run(recipe, sampler),
            "temporal_head": model.config.temporal_head,
            "n_eval_clips": len(test_bank.clips),
            "skipped": bank.skipped | test_bank.skipped | (validation_bank.skipped if validation_bank else {}),
            "n_parameters": sum(w.numel() for name, w in model.named_parameters() if not ADAPTER.search(name)),
            "stages": progress.figures,
            "zste": progress.zste,
            "kept": progress.kept,
            "wise_ft": wise_ft,
            "validations": progress.validations,
            "versions": list_versions(),
            "wall_time_s": round(time.perf_counter() - started, 1),
        }
        (output_dir / RESULTS).unlink(missing_ok=True)
        results["files"] = [*export_model(model, processor, output_dir), "zste.png", "course.png"]
        plot_bars(output_dir / "zste.png", progress.zste, f"ZSTE on held-out {recipe.source} clips")
        plot_course(output_dir / "course.png", progress)
        write_card(output_dir, results)
        write_results(output_dir, results)
        print(format_table(progress.zste))
        if kept:
            print(f"\nsingle sounds of {recipe.keep_source}, zero-shot (%)\n{format_table(progress.kept)}")
        logger.info("model, results.json, zste.png and course.png are in %s", output_dir)
        if recipe.push_to_hub:
            with errors_in_one_line(COMMAND, ValueError):
                logger.info("published: %s", push_model(output_dir, recipe.hub_model_id))
    accelerator.end_training()
