r"""Retrieval of audio by captions and of captions by audio, on AudioCaps, Clotho or a captioned dataset of the Hub.

    python eval/run_retrieval.py --model_name_or_path laion/clap-htsat-unfused runs/mine --source clotho \
        --captions_dir CLOTHO --audio_dir CLOTHO --output_json retrieval.json
    torchrun --nproc_per_node 8 eval/run_retrieval.py ... --source audiocaps --captions_dir AUDIOCAPS --audio_dir AUDIO
    python eval/run_retrieval.py ... --dataset_name USER/NAME       # with the columns audio and caption

Without --source, a Hub dataset has the columns audio and caption (one text or several); rows of the same audio are one
clip. With --source audiocaps it has AudioCaps' columns, for the audio of --audio_dir.
"""

import argparse
import hashlib
from collections.abc import Iterable
from dataclasses import replace

from teminal.endings import interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("run_retrieval.py", "the same command goes on from here")

import numpy as np

from teminal.clips import Clip
from teminal.evaluation.evaluation import Evaluation, run_evaluation
from teminal.evaluation.options import evaluation_parser
from teminal.hub_rows import audio_of_cell, load_hub_dataset, with_undecoded_audio
from teminal.sources import add_source_options, load_clips, select_clips
from teminal.splits import SPLITS
from teminal.tables import check_columns, read_captions

LEGEND = "In %, ranks as they are: R@k is the share of queries with a right item among the first k; ties lose."
TAKEN = ("captions_dir", "audio_dir", "dataset_name", "recording_from_name")
DATA = ("source", *TAKEN, "split", "folds")


def parse_args() -> argparse.Namespace:
    parser = evaluation_parser(__doc__)
    parser.add_argument("--source", choices=["audiocaps", "clotho", "folder"], help="folder: your own sounds")
    add_source_options(parser, TAKEN)
    parser.add_argument("--split", choices=SPLITS, help="default: test")
    parser.add_argument("--folds", type=int, nargs="+", help="where a folder has no splits; default: all")
    return parser.parse_args()


def captioned_clips(args: argparse.Namespace) -> list[Clip]:
    """The clips of the split, with their captions."""
    if args.source:
        if not args.audio_dir:
            raise ValueError("--audio_dir is missing: the folder with the audio that the captions are of")
        clips = load_clips(args.source, **{name: getattr(args, name) for name in TAKEN})
        if not clips[0].captions:
            raise ValueError(f"--source {args.source}: its clips have classes and no captions to search by")
        if clips[0].fold is None:
            args.split = args.split or "test"
        data = args.captions_dir or args.dataset_name or args.audio_dir
        return select_clips(clips, args.folds, args.split, data)
    if not args.dataset_name:
        raise ValueError("give --source audiocaps, clotho or folder, or --dataset_name of a Hub dataset")
    if args.captions_dir or args.audio_dir:
        raise ValueError("--captions_dir and --audio_dir need --source; a Hub dataset brings captions and audio")
    if args.folds or args.recording_from_name:
        raise ValueError("--folds and --recording_from_name need --source folder; a Hub dataset has splits")
    args.split = args.split or "test"
    return _from_hub(args.dataset_name, args.split)


def _from_hub(dataset_name: str, split: str) -> list[Clip]:
    origin = f"--dataset_name {dataset_name}"
    dataset = load_hub_dataset(origin, dataset_name, split)
    check_columns(origin, dataset.column_names, ("audio", "caption"))
    return group_rows(origin, with_undecoded_audio(origin, dataset).select_columns(["audio", "caption"]))


def group_rows(origin: str, rows: Iterable[dict]) -> list[Clip]:
    """Rows with `audio` (its bytes or path) and `caption` (text, or several) -> clips, one for each distinct audio.

    Raises:
        ValueError: a caption is empty or no text.
    """
    clips = {}
    for number, row in enumerate(rows, start=1):
        said, content = read_captions(f"{origin}: row {number}", row["caption"]), audio_of_cell(row["audio"])
        key = hashlib.sha256(content).digest() if isinstance(content, bytes) else content or number
        known = clips.get(key) or Clip(f"row {number}", "", None, "", content)
        clips[key] = replace(known, captions=known.captions + said)
    return list(clips.values())


def prepare(args: argparse.Namespace) -> Evaluation:
    def ask(clips):
        from teminal.evaluation.retrieval import retrieval_figures

        if len(clips) < 2:
            raise ValueError(f"only {clips[0].name} can be read: retrieval needs two clips at least")
        clip_of = np.repeat(np.arange(len(clips)), [len(clip.captions) for clip in clips])
        captions = [caption for clip in clips for caption in clip.captions]
        return captions, lambda scores, keep: retrieval_figures(scores, clip_of, args.seed, keep)

    clips = captioned_clips(args)  # sets the split that it takes by default
    data = {name: getattr(args, name) for name in DATA}
    return Evaluation(clips, ask, data, LEGEND)


def main() -> None:
    run_evaluation("run_retrieval.py", parse_args(), prepare)


if __name__ == "__main__":
    main()
