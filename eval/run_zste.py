"""Score contrastive audio-text models on all five tasks of ZSTE, several on the same scenes.

    python eval/run_zste.py --model_name_or_path runs/quickstart --source synthetic --folds 5
    python eval/run_zste.py --model_name_or_path laion/clap-htsat-unfused runs/esc50_tiny --esc50_dir ESC-50 \
        --folds 5 --output_dir zste
    accelerate launch --multi_gpu --num_processes 8 eval/run_zste.py ...
"""

import argparse
import json
import sys
import time
from pathlib import Path

from dataset_scripts.bank import build_bank
from dataset_scripts.compose import SAMPLING_RATE
from dataset_scripts.sources import load_clips
from eval.cache import Embedder, cosine_scores
from eval.compare import differences, right_answers
from eval.evaluation import check_arguments, check_writable, evaluation_parser, made_by, start_processes
from eval.models import load_models
from eval.pictures import plot_against, plot_bars, plot_change, plot_pairs
from eval.score import distinct_audios, distinct_captions, format_table, score_cosines
from eval.tables import write_tables
from eval.zste_audio import BankAudio
from eval.zste_dataset import DatasetAudio, load_scenes
from eval.zste_questions import Example
from eval.zste_scenes import build_examples, drawn_clips


def parse_args() -> argparse.Namespace:
    parser = evaluation_parser(__doc__)
    parser.add_argument("--source", default="esc50", choices=["esc50", "synthetic"])
    parser.add_argument("--esc50_dir", help="official ESC-50 folder")
    parser.add_argument("--dataset_name", help="Hub dataset id with ESC-50's columns, instead of a folder")
    parser.add_argument("--folds", type=int, nargs="+", default=[5], help="test folds")
    parser.add_argument("--zste_dataset", help="fixed scenes instead: folder or Hub id of a dataset with that config")
    parser.add_argument("--n_scenes", type=int, default=1000, help="composition groups, one question each a sub-task")
    parser.add_argument("--output_dir", type=Path, help="where tables, pictures and the JSON are written")
    return parser.parse_args()


def prepare_scenes(args: argparse.Namespace) -> tuple[list[Example], BankAudio | DatasetAudio, dict]:
    """Examples, their audio, and what to report of it."""
    if args.zste_dataset:
        if args.esc50_dir or args.dataset_name:
            raise ValueError("--zste_dataset brings its own scenes: drop it, or --esc50_dir and --dataset_name")
        examples, audio = load_scenes(args.zste_dataset, args.seed)
        return examples, audio, {"zste_dataset": args.zste_dataset, "n_scenes": len(audio.rows)}
    clips = load_clips(args.source, args.folds, esc50_dir=args.esc50_dir, dataset_name=args.dataset_name)
    bank = build_bank(clips, lambda bank: drawn_clips(bank, args.n_scenes, args.seed))
    about = {name: getattr(args, name) for name in ("source", "esc50_dir", "dataset_name", "folds", "n_scenes")}
    about |= {"n_clips": len(bank.clips), "skipped": bank.skipped}
    return build_examples(bank, args.n_scenes, args.seed), BankAudio(bank), about


def draw(folder: Path, examples: list[Example], audio, zste: dict[str, dict], answers: dict[str, dict]) -> None:
    plot_bars(folder / "zste.png", zste, "ZSTE")
    if len(zste) > 1:
        plot_change(folder / "change.png", zste, "ZSTE")
    hard = [example for example in examples if example.task == audio.hard_task]
    values = [audio.how_hard(example.audios[0]) for example in hard]
    right = {name: answers[name][audio.hard_task] for name in answers}
    chance = next(iter(zste.values()))[f"{audio.hard_task}_chance"]
    plot_against(folder / f"{audio.hard_task}.png", values, right, audio.hardness, audio.hard_task, chance)
    pairs = [example.labels for example in examples if example.task in ("3A", "3B")]
    for name in answers:
        file = f"pairs-{name}.png".replace("/", "_")
        plot_pairs(folder / file, pairs, answers[name]["3A"] + answers[name]["3B"], name)


def main() -> None:
    args = parse_args()
    started = time.perf_counter()
    state = start_processes()
    try:
        check_arguments(args)
        if args.output_dir:
            check_writable("--output_dir", args.output_dir / "zste.json")
        models = load_models(args)
        with state.local_main_process_first():
            examples, audio, about = prepare_scenes(args)
        specs, captions = distinct_audios(examples), distinct_captions(examples)
        keys = audio.keys(specs)
        zste, answers = {}, {}
        for name, model in models.items():
            embedder = Embedder(model, args.cache_dir)
            audio_embeds = embedder.audio(keys, lambda rows: audio.read([specs[row] for row in rows]), SAMPLING_RATE)
            scores = cosine_scores(audio_embeds, embedder.text(captions))
            if state.is_main_process:
                zste[name] = score_cosines(examples, scores, args.seed)
                answers[name] = right_answers(examples, scores)
    except (ValueError, OSError) as error:
        sys.exit(f"run_zste.py: error: {error}")
    if not state.is_main_process:
        return

    print(format_table(zste))
    print(f"{len(specs)} audios, {len(captions)} captions; intervals and more in --output_json or --output_dir")
    report = {"model": args.model_name_or_path[0] if len(zste) == 1 else args.model_name_or_path, **about}
    report |= made_by(args, models, started)
    if len(zste) == 1:
        report["zste"] = next(iter(zste.values()))
    else:
        report |= {"zste": zste, "differences": differences(answers, args.seed)}
    text = json.dumps(report, indent=2) + "\n"
    if args.output_json:
        args.output_json.write_text(text)
    if args.output_dir:
        (args.output_dir / "zste.json").write_text(text)
        write_tables(args.output_dir, zste, f"ZSTE on {Path(args.zste_dataset or args.source).name}")
        draw(args.output_dir, examples, audio, zste, answers)


if __name__ == "__main__":
    main()
