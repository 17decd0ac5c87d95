"""Score a CLAP checkpoint, stock or TeminAL, on all five tasks of ZSTE.

    python eval/run_zste.py --model_name_or_path runs/quickstart --source synthetic --folds 5
    python eval/run_zste.py --model_name_or_path laion/clap-htsat-unfused --esc50_dir ESC-50 --folds 5 \
        --output_json zste.json
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import torch
import transformers

from dataset_scripts.bank import build_bank
from dataset_scripts.sources import load_clips
from eval.encoder import load_clap
from eval.score import audio_features, format_table, score_examples
from eval.zste_scenes import build_examples


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_name_or_path", required=True, help="local folder or Hub id of a CLAP checkpoint")
    parser.add_argument("--source", default="esc50", choices=["esc50", "synthetic"])
    parser.add_argument("--esc50_dir", help="official ESC-50 folder")
    parser.add_argument("--dataset_name", help="Hub dataset id with ESC-50's columns, instead of a folder")
    parser.add_argument("--folds", type=int, nargs="+", default=[5], help="test folds")
    parser.add_argument("--n_scenes", type=int, default=1000, help="composition groups, one question each a sub-task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output_json", type=Path, help="where every figure is written")
    args = parser.parse_args()
    if args.n_scenes < 1 or args.seed < 0:
        parser.error(f"--n_scenes {args.n_scenes} must be at least 1 and --seed {args.seed} at least 0")
    return args


def versions() -> dict[str, str]:
    """What the figures depend on besides data and seed."""
    return {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__}


def main() -> None:
    args = parse_args()
    started = time.perf_counter()
    try:
        model, processor = load_clap(args.model_name_or_path)
        bank = build_bank(
            load_clips(args.source, args.folds, esc50_dir=args.esc50_dir, dataset_name=args.dataset_name)
        )
        examples = build_examples(bank, args.n_scenes, args.seed)
        if args.output_json:
            args.output_json.parent.mkdir(parents=True, exist_ok=True)
            if args.output_json.is_dir():
                raise ValueError(f"--output_json {args.output_json} is a folder")
        features = audio_features(bank, examples, processor.feature_extractor)
    except (ValueError, OSError) as error:
        sys.exit(f"run_zste.py: error: {error}")

    model.to("cuda" if torch.cuda.is_available() else "cpu")
    result = score_examples(model, processor, examples, features, args.seed)
    print(format_table({"model": result}))

    if args.output_json:
        report = {
            "model": args.model_name_or_path,
            "source": args.source,
            "esc50_dir": args.esc50_dir,
            "dataset_name": args.dataset_name,
            "folds": args.folds,
            "n_clips": len(bank.clips),
            "skipped": bank.skipped,
            "n_scenes": args.n_scenes,
            "seed": args.seed,
            "versions": versions(),
            "wall_time_s": round(time.perf_counter() - started, 1),
            "zste": result,
        }
        args.output_json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
