r"""Zero-shot classification of ESC-50, UrbanSound8K, FSD50K or another labelled source.

    python eval/run_classification.py --model_name_or_path laion/clap-htsat-unfused runs/mine --esc50_dir ESC-50
    torchrun --nproc_per_node 8 eval/run_classification.py ... --source urbansound8k --audio_dir UrbanSound8K
    python eval/run_classification.py ... --source fsd50k --audio_dir FSD50K.eval_audio \
        --labels_file FSD50K.ground_truth/eval.csv --output_json fsd50k.json

Accuracy on each fold and its mean over folds; of FSD50K, whose clips have several labels, mAP over classes.
"""

import argparse
from pathlib import Path

from teminal.endings import interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("run_classification.py", "the same command goes on from here")

import numpy as np

from teminal.audio import ALL_SUFFIXES
from teminal.clips import Clip
from teminal.evaluation.evaluation import Evaluation, run_evaluation
from teminal.evaluation.options import evaluation_parser
from teminal.sources import (
    add_source_options,
    labelled_sources,
    load_clips,
    require_folder,
    require_labels,
    select_clips,
)
from teminal.splits import SPLITS
from teminal.tables import clean_labels, find_file, read_table

LEGEND = "In %: accuracy on each fold and its mean, or mean average precision (mAP) over classes; ties lose."
DATA = ("esc50_dir", "audio_dir", "dataset_name", "recording_from_name")


def parse_args() -> argparse.Namespace:
    parser = evaluation_parser(__doc__)
    parser.add_argument("--source", default="esc50", choices=[*labelled_sources(), "fsd50k"])
    add_source_options(parser, DATA)
    parser.add_argument("--labels_file", help="FSD50K's eval.csv: columns fname and labels, separated by commas")
    parser.add_argument("--folds", type=int, nargs="+", help="such as those not trained on; default: all")
    parser.add_argument("--split", choices=SPLITS, help="instead of folds where a folder has splits; default: all")
    parser.add_argument("--prompt", default="This is a sound of {label}.", help="{label}: where the class stands")
    return parser.parse_args()


def load_fsd50k(labels_file: str | None, audio_dir: str | None) -> list[Clip]:
    """Clips whose label is the table's: several, separated by commas (Fonseca et al., TASLP 2022).

    FSDKaggle's tables, whose fname has its suffix, are read as well.
    """
    hint = "get FSD50K from zenodo.org/records/4060432"
    if not labels_file:
        raise ValueError(f"--labels_file is missing: the table eval.csv; {hint}")
    folder = require_folder("--audio_dir", audio_dir, hint)
    rows = read_table(Path(labels_file), ("fname", "labels"))
    given = [label for row in rows for label in row["labels"].split(",")]
    cleaned = dict(zip(given, clean_labels(f"--labels_file {labels_file}", given), strict=True))
    clips = {}
    for number, row in enumerate(rows, start=1):
        name, labels = row["fname"].strip(), [cleaned[label] for label in row["labels"].split(",")]
        if not all(labels):
            raise ValueError(f"--labels_file {labels_file}: row {number} has an empty label: {row['labels']!r}")
        if not row.get("mids", "/").startswith("/"):
            raise ValueError(f"--labels_file {labels_file}: row {number}: {row['mids']!r} is no mid; quote its labels")
        file = name if name.lower().endswith(ALL_SUFFIXES) else f"{name}.wav"
        clips[name] = Clip(name, ",".join(labels), None, "", find_file(folder, file))
    if len(clips) < len(rows):
        raise ValueError(f"--labels_file {labels_file}: {len(rows) - len(clips)} of its rows repeat an fname")
    return list(clips.values())


def labelled_clips(args: argparse.Namespace) -> list[Clip]:
    if args.source == "fsd50k":
        if given := [name for name in DATA if name != "audio_dir" and getattr(args, name)]:
            raise ValueError(f"--source fsd50k takes --audio_dir and --labels_file, not --{given[0]}")
        if args.folds or args.split:
            raise ValueError("--source fsd50k has no --folds and no --split: leave them out")
        return load_fsd50k(args.labels_file, args.audio_dir)
    if args.labels_file:
        raise ValueError(f"--labels_file is for --source fsd50k; {args.source} brings its own labels")
    clips = load_clips(args.source, **{name: getattr(args, name) for name in DATA})
    require_labels(clips, f"--source {args.source}")
    return select_clips(clips, args.folds, args.split, args.source)


def prepare(args: argparse.Namespace) -> Evaluation:
    if "{label}" not in args.prompt:
        raise ValueError(f"--prompt {args.prompt!r} does not say where the class stands: write {{label}} there")
    clips = labelled_clips(args)
    has_several = args.source == "fsd50k"
    labels_of = {clip.name: {*clip.label.split(",")} if has_several else {clip.label} for clip in clips}
    classes = sorted(set().union(*labels_of.values()))
    if len(classes) < 2:
        raise ValueError(f"--source {args.source}: {classes[0]} is its only class, there is nothing to tell apart")
    captions = [args.prompt.replace("{label}", label.replace("_", " ")) for label in classes]

    def ask(readable):
        from teminal.evaluation.classification import accuracy_figures, map_figures

        is_right = np.array([[label in labels_of[clip.name] for label in classes] for clip in readable])
        if has_several:
            return captions, lambda scores, keep: map_figures(scores, is_right, args.seed, keep)
        targets, folds = is_right.argmax(1), np.array([clip.fold or 0 for clip in readable])
        return captions, lambda scores, keep: accuracy_figures(scores, targets, folds, args.seed, keep)

    data = {name: getattr(args, name) for name in ("source", *DATA, "labels_file", "folds", "split", "prompt")}
    return Evaluation(clips, ask, {**data, "classes": classes}, LEGEND)


def main() -> None:
    run_evaluation("run_classification.py", parse_args(), prepare)


if __name__ == "__main__":
    main()
