"""Teach a CLAP model the order of sounds: TeminAL stages A and B, with ZSTE before and after.

accelerate launch train_accelerate.py --config configs/quickstart.yaml
accelerate launch train_accelerate.py --config configs/esc50_tiny.yaml --esc50_dir ESC-50
"""

import logging
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

# Batches are composed on a thread beside the model: idle OpenMP threads must sleep, not spin, or they take its core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from dataset_scripts.bank import build_bank
from dataset_scripts.sources import load_clips
from dataset_scripts.splits import drop_recordings_of
from eval.encoder import load_clap
from eval.run_zste import versions
from eval.score import audio_features, format_table, score_examples
from eval.zste_scenes import build_examples
from training.arguments import parse_recipe
from training.pretrained_text import load_text_encoder
from training.report import plot_zste, write_results
from training.scratch import build_scratch_clap
from training.stage import StageTrainer

logger = logging.getLogger("teminal")


def prepare(recipe):
    """Check every input and build the two clip banks and the model, before any work is done."""
    train_clips, eval_clips = (
        load_clips(
            recipe.source,
            folds,
            folds_flag=folds_flag,
            esc50_dir=recipe.esc50_dir,
            dataset_name=recipe.dataset_name,
        )
        for folds_flag, folds in (("--train_folds", recipe.train_folds), ("--eval_folds", recipe.eval_folds))
    )
    twice = set(recipe.train_folds) & set(recipe.eval_folds)
    if twice:
        raise ValueError(f"--train_folds and --eval_folds overlap in fold {min(twice)}")
    train_clips = drop_recordings_of(eval_clips, train_clips)
    if recipe.model_name_or_path and "pretrain" in recipe.stages:
        raise ValueError("--stages pretrain starts from scratch: drop it, or --model_name_or_path")
    if recipe.model_name_or_path and recipe.text_model_name_or_path:
        raise ValueError("--text_model_name_or_path is for a CLAP from scratch: drop it, or --model_name_or_path")
    text_encoder = load_text_encoder(recipe.text_model_name_or_path) if recipe.text_model_name_or_path else None
    if recipe.model_name_or_path:
        head = {"temporal_head": True} if recipe.temporal_head else {}
        model, processor = load_clap(recipe.model_name_or_path, **head)
    elif "pretrain" not in recipe.stages or not recipe.scratch:
        raise ValueError("without --model_name_or_path, --stages must start with pretrain and the YAML have scratch:")
    train_bank, eval_bank = build_bank(train_clips), build_bank(eval_clips)
    if train_bank.classes != eval_bank.classes:
        raise ValueError(
            f"--train_folds and --eval_folds differ in classes: {set(train_bank.classes) ^ set(eval_bank.classes)}"
        )
    if not recipe.model_name_or_path:
        model, processor = build_scratch_clap(
            train_bank, recipe.temporal_head, text_encoder=text_encoder, **recipe.scratch
        )
    return model, processor, train_bank, eval_bank


def main() -> None:
    started = time.perf_counter()
    try:
        recipe = parse_recipe()
        accelerator = Accelerator(mixed_precision=recipe.mixed_precision)
        logging.basicConfig(format="%(message)s", level=logging.INFO if accelerator.is_main_process else logging.ERROR)
        if accelerator.device.type == "cpu":
            torch.set_num_threads(max(1, os.cpu_count() // accelerator.num_processes))
            torch.use_deterministic_algorithms(True)
        set_seed(recipe.seed)
        model, processor, train_bank, eval_bank = prepare(recipe)
        examples = build_examples(eval_bank, recipe.n_scenes, recipe.seed)
        features = (
            audio_features(eval_bank, examples, processor.feature_extractor) if accelerator.is_main_process else None
        )
        output_dir = Path(recipe.output_dir)
        output_dir.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        sys.exit(f"train_accelerate.py: error: {error}")

    model.to(accelerator.device)
    trainer = StageTrainer(accelerator, model, processor, train_bank, recipe)
    zste, stages = {}, {}

    def score(name):
        if accelerator.is_main_process:
            zste[name] = score_examples(model, processor, examples, features, recipe.seed)
        accelerator.wait_for_everyone()

    def save(folder):
        if accelerator.is_main_process:
            model.save_pretrained(folder)
            processor.save_pretrained(folder)

    if recipe.stages[0] != "pretrain":
        score("base")
    for stage in recipe.stages:
        stages[stage] = trainer.train(stage)
        score("base" if stage == "pretrain" else f"after {stage}")
        if stage != recipe.stages[-1]:
            save(output_dir / f"after_{stage}")

    save(output_dir)
    if accelerator.is_main_process:
        results = {
            "recipe": asdict(recipe),
            "n_train_clips": len(train_bank.clips),
            "n_eval_clips": len(eval_bank.clips),
            "skipped": train_bank.skipped | eval_bank.skipped,
            "n_parameters": model.num_parameters(),
            "stages": stages,
            "zste": zste,
            "versions": versions(),
            "wall_time_s": round(time.perf_counter() - started, 1),
        }
        write_results(output_dir / "results.json", results)
        plot_zste(output_dir / "zste.png", zste, f"ZSTE on held-out {recipe.source} clips")
        print(format_table(zste))
        logger.info("model, results.json and zste.png are in %s", output_dir)


if __name__ == "__main__":
    main()
