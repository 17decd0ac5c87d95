"""Turn clips into a dataset of temporal audio-caption pairs, in Parquet; killed, the same command goes on.

python dataset_scripts/build_dataset.py --source esc50 --esc50_dir ESC-50 --output_dir datasets
python dataset_scripts/build_dataset.py --source audiocaps --captions_dir TABLES --output_dir datasets
torchrun --nproc_per_node 8 dataset_scripts/build_dataset.py ...   (each process writes its own shards)
"""

import argparse
import logging
from pathlib import Path

from teminal.endings import errors_in_one_line, interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("build_dataset.py", "the same command goes on from here")

from teminal.clips import Clip, digest
from teminal.hub import check_hub_access, check_repo_id, list_files
from teminal.licenses import UNKNOWN, check_publishable
from teminal.rendering import EVENT_S, OVERLAY_SNR_DB
from teminal.scenes import split_pairs
from teminal.sources import (
    OPTIONS,
    add_source_options,
    load_clips,
    source_credits,
    source_module,
    source_names,
)

ZSTE = "zste"
logger = logging.getLogger("teminal")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help=f"where clips come from: {', '.join(source_names())}")
    add_source_options(parser)
    parser.add_argument("--output_dir", type=Path, required=True, help="gets one folder per config, and README.md")
    parser.add_argument(
        "--config_name", help=f'default: the source; "{ZSTE}": fixed scenes of test clips, of all class pairs'
    )
    parser.add_argument("--n_groups", type=int, default=5000, help="composition groups of four rows, in all splits")
    parser.add_argument("--validation_folds", type=int, nargs="*", help="default: the last but one")
    parser.add_argument("--test_folds", type=int, nargs="*", help="default: the last")
    parser.add_argument("--three_event_share", type=float, default=0.2, help="of groups with three events")
    parser.add_argument("--snr_db", type=float, nargs=2, default=OVERLAY_SNR_DB, metavar=("LOW", "HIGH"))
    parser.add_argument("--gap_s", type=float, nargs=2, default=(0.1, 0.5), metavar=("LOW", "HIGH"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--include_audio", action=argparse.BooleanOptionalAction, help="default: where it may be redistributed"
    )
    parser.add_argument("--num_proc", type=int, help="worker processes; default: one per core")
    parser.add_argument("--push_to_hub", action="store_true")
    parser.add_argument("--hub_dataset_id", help="such as me/temporal-esc50")
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--dry_run", action="store_true", help="list what --push_to_hub would send of a built config")
    return parser


def check(args: argparse.Namespace) -> None:
    """Everything that can be checked before clips are looked at."""
    source = source_module(args.source)
    if args.include_audio is None:
        args.include_audio = source.REDISTRIBUTABLE
    elif args.include_audio and not source.REDISTRIBUTABLE:
        raise ValueError(f"--include_audio: {source.WHY_NOT}; build recipes, then run render_dataset.py on your audio")
    args.config_name = args.config_name or args.source
    if args.config_name not in (args.source, ZSTE):
        raise ValueError(f"--config_name {args.config_name}: choose {args.source} or {ZSTE}")
    least = {"n_groups": 1, "seed": 0, "num_proc": 1}
    for name, value in least.items():
        if getattr(args, name) is not None and getattr(args, name) < value:
            raise ValueError(f"--{name} {getattr(args, name)}: must be at least {value}")
    if not 0 <= args.three_event_share <= 1:
        raise ValueError(f"--three_event_share {args.three_event_share}: must be from 0 to 1")
    for name, low, high in (("snr_db", -60, 60), ("gap_s", 0.02, EVENT_S / 3)):
        values = getattr(args, name)
        if not low <= values[0] <= values[1] <= high:
            raise ValueError(f"--{name} {values[0]} {values[1]}: must rise and lie from {low} to {high:.2f}")
    if args.push_to_hub and not args.hub_dataset_id:
        raise ValueError("--push_to_hub needs --hub_dataset_id, such as me/temporal-esc50")
    if (args.hub_dataset_id or args.private or args.dry_run) and not args.push_to_hub:
        raise ValueError("--hub_dataset_id, --private and --dry_run need --push_to_hub")
    if args.push_to_hub:
        check_repo_id("--hub_dataset_id", args.hub_dataset_id)


def about(args: argparse.Namespace, classes: list[str], terms: dict[str, str]) -> dict:
    """What the report says of the source, and under which `terms`, see [`source_credits`]."""
    from teminal.dataset.report import command_line

    return {
        "config": args.config_name,
        "source": args.source,
        "command": command_line(),
        **terms,
        "captioned": not classes,
        "unseen_pairs": split_pairs(classes)[1],
    }


def recipe_of(args: argparse.Namespace, clips: list[Clip], splits: dict[str, list[int]], terms: dict) -> dict:
    """All that decides what is built."""
    drawn = ("seed", "n_groups", "three_event_share", "include_audio")
    return {
        "source": args.source,
        **{name: getattr(args, name) for name in drawn},
        "snr_db": list(args.snr_db),
        "gap_s": list(args.gap_s),
        "folds": {split: sorted({clips[i].fold for i in indices} - {None}) for split, indices in splits.items()},
        "clips": digest(clips),
        "license": terms["license"],
        "attribution": terms["attribution"],
    }


def main() -> None:
    args = make_parser().parse_args()
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with errors_in_one_line("build_dataset.py", ValueError, OSError):
        check(args)
        if args.dry_run:
            from teminal.dataset.publish import files_to_push
            from teminal.dataset.report import read_report

            folder = args.output_dir / args.config_name
            license = read_report(folder)["license"]
            if license == UNKNOWN and args.license:
                raise ValueError(f"{folder} was built without --license: delete it and build it again with it")
            check_publishable(license, args.private, "--private")
            files = files_to_push(args.output_dir, args.config_name, args.hub_dataset_id)
            print(list_files(f"datasets/{args.hub_dataset_id}", files))
            return
        clips = load_clips(args.source, **{name: getattr(args, name) for name in OPTIONS})
        from teminal.dataset.build import build_config
        from teminal.dataset.card import check_card
        from teminal.dataset.plan import plan_drawn
        from teminal.dataset.publish import push_config
        from teminal.sampling.groups import Mix
        from teminal.splits import split_clips

        clips, splits = split_clips(clips, args.validation_folds, args.test_folds)
        classes = sorted({clip.label for clip in clips if clip.label})
        if args.config_name == ZSTE:
            if "test" not in splits:
                raise ValueError(f"--config_name {ZSTE}: there are no clips for testing")
            clips = [clips[index] for index in splits["test"]]
            splits = {"test": list(range(len(clips)))}
        terms = source_credits(args.source, clips)
        if args.push_to_hub:
            check_publishable(terms["license"], args.private, "--private")
        check_card(args.output_dir)
        if args.push_to_hub:
            check_hub_access("--hub_dataset_id", args.hub_dataset_id, "dataset", args.private)
        folder = args.output_dir / args.config_name
        mix = Mix(args.three_event_share, tuple(args.snr_db), tuple(args.gap_s))
        report = build_config(
            folder,
            recipe_of(args, clips, splits, terms),
            about(args, classes, terms),
            clips,
            lambda skipped: plan_drawn(
                clips, classes, splits, skipped, args.n_groups, args.config_name, args.seed, mix
            ),
            args.include_audio,
            args.num_proc,
        )
        if report and args.push_to_hub:
            logger.info("published: %s", push_config(args.output_dir, args.config_name, args.hub_dataset_id))


if __name__ == "__main__":
    main()
