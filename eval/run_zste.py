r"""Score contrastive audio-text models on all five tasks of ZSTE, several on the same scenes.

    python eval/run_zste.py --model_name_or_path runs/quickstart --source synthetic --folds 5
    python eval/run_zste.py --model_name_or_path laion/clap-htsat-unfused runs/esc50_tiny --esc50_dir ESC-50 \
        --folds 5 --output_dir zste
    torchrun --nproc_per_node 8 eval/run_zste.py ...
"""

import argparse
import time
from pathlib import Path

from teminal.endings import errors_in_one_line, interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("run_zste.py", "the same command goes on from here")

from teminal.clips import Clip
from teminal.evaluation.evaluation import made_by, start_processes
from teminal.evaluation.options import check_arguments, evaluation_parser, file_stems
from teminal.files import write_json
from teminal.sources import add_source_options, labelled_sources, load_clips, require_labels, select_clips
from teminal.splits import SPLITS

DATA = ("esc50_dir", "audio_dir", "dataset_name", "recording_from_name")
DRAWN_FROM = ("source", *DATA, "folds", "split", "n_scenes")


def parse_args() -> argparse.Namespace:
    parser = evaluation_parser(__doc__)
    parser.add_argument("--source", choices=labelled_sources(), help="default: esc50")
    add_source_options(parser, DATA)
    parser.add_argument("--folds", type=int, nargs="+", help="test folds; default: 5")
    parser.add_argument("--split", choices=SPLITS, help="instead of folds where a folder has splits; default: test")
    parser.add_argument("--zste_dataset", help="fixed scenes instead: folder or Hub id of a dataset with that config")
    parser.add_argument("--n_scenes", type=int, help="composition groups, one question each a sub-task; default: 1000")
    return parser.parse_args()


def prepare_clips(args: argparse.Namespace) -> list[Clip] | None:
    """The test clips, not decoded yet; `None` where scenes are fixed. Sets what is left out to its default."""
    if args.zste_dataset:
        if given := [name for name in DRAWN_FROM if getattr(args, name) is not None]:
            raise ValueError(f"--zste_dataset brings its own scenes: drop it, or --{given[0]}")
        return None
    for name, default in {"source": "esc50", "n_scenes": 1000}.items():
        if getattr(args, name) is None:
            setattr(args, name, default)
    if args.n_scenes < 1:
        raise ValueError(f"--n_scenes {args.n_scenes}: at least 1 is needed")
    clips = load_clips(args.source, **{name: getattr(args, name) for name in DATA})
    require_labels(clips, f"--source {args.source}")
    if clips[0].fold is None:
        args.split = args.split or "test"
    elif not args.split:
        args.folds = args.folds or [5]
    return select_clips(clips, args.folds, args.split, args.source)


def prepare_scenes(args: argparse.Namespace, clips: list[Clip] | None) -> tuple:
    """Examples (list), their audio (`BankAudio` or `DatasetAudio`), and what to report of it (dict)."""
    from teminal.clips import build_bank
    from teminal.evaluation.zste_dataset import load_scenes
    from teminal.evaluation.zste_questions import BankAudio, build_examples
    from teminal.sampling.zste import drawn_clips

    if clips is None:
        examples, audio = load_scenes(args.zste_dataset, args.seed)
        return examples, audio, {"zste_dataset": args.zste_dataset, "n_scenes": len(audio.rows)}
    bank = build_bank(clips, lambda bank: drawn_clips(bank, args.n_scenes, args.seed))
    about = {name: getattr(args, name) for name in DRAWN_FROM}
    about |= {"n_clips": len(bank.clips), "skipped": bank.skipped}
    return build_examples(bank, args.n_scenes, args.seed), BankAudio(bank), about


def draw(folder: Path, examples: list, audio, zste: dict[str, dict], answers: dict[str, dict]) -> None:
    from teminal.evaluation.plots import plot_against, plot_bars, plot_change, plot_pairs

    plot_bars(folder / "zste.png", zste, "ZSTE")
    if len(zste) > 1:
        plot_change(folder / "change.png", zste, "ZSTE")
    hard = [example for example in examples if example.task == audio.hard_task]
    values = [audio.how_hard(example.audios[0]) for example in hard]
    right = {name: answers[name][audio.hard_task] for name in answers}
    chance = next(iter(zste.values()))[f"{audio.hard_task}_chance"]
    plot_against(folder / f"{audio.hard_task}.png", values, right, audio.hardness, audio.hard_task, chance)
    pairs = [example.labels for example in examples if example.task in ("3A", "3B")]
    for name, stem in file_stems(list(answers)).items():
        plot_pairs(folder / f"pairs-{stem}.png", pairs, answers[name]["3A"] + answers[name]["3B"], name)


def main() -> None:
    args = parse_args()
    started = time.perf_counter()
    with errors_in_one_line("run_zste.py", ValueError, OSError):
        check_arguments(args)
        clips = prepare_clips(args)
        from teminal.evaluation.embeddings import Embedder, cosine_scores
        from teminal.evaluation.models import load_models
        from teminal.evaluation.score import distinct_audios, distinct_captions, format_table, score_cosines
        from teminal.evaluation.statistics import differences, right_answers
        from teminal.evaluation.tables import write_tables
        from teminal.rendering import SAMPLING_RATE

        state = start_processes()
        models = load_models(args)
        with state.local_main_process_first():
            examples, audio, about = prepare_scenes(args, clips)
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
        if not state.is_main_process:
            return

        print(format_table(zste))
        print(f"{len(specs)} audios, {len(captions)} captions; intervals and more in --output_json or --output_dir")
        report = {"model": args.model_name_or_path[0] if len(zste) == 1 else args.model_name_or_path, **about}
        report |= made_by(args, {name: model.fingerprint for name, model in models.items()}, started)
        found = differences(answers, args.seed)
        if len(zste) == 1:
            report["zste"] = next(iter(zste.values()))
        else:
            report |= {"zste": zste, "differences": found}
        if args.output_json:
            write_json(args.output_json, report)
        if args.output_dir:
            write_json(args.output_dir / "zste.json", report)
            write_tables(args.output_dir, zste, f"ZSTE on {Path(args.zste_dataset or args.source).name}", found)
            draw(args.output_dir, examples, audio, zste, answers)


if __name__ == "__main__":
    main()
