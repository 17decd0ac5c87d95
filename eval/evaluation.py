"""The course of an evaluation: data, models, embeddings, one table and one JSON file."""

import argparse
import errno
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from accelerate import PartialState

from dataset_scripts.clips import Clip
from eval.models import AudioTextModel, add_model_arguments, load_models
from eval.report import format_table, versions
from eval.sounds import check_sounds, scores


@dataclass(frozen=True)
class Evaluation:
    """What is asked of every model.

    Attributes:
        clips: not decoded yet.
        ask: clips that can be read -> the captions that each of them is scored with, and what makes the figures of
            the scores (clips, captions).
        data: where the clips come from, for the JSON file.
    """

    clips: list[Clip]
    ask: Callable[[list[Clip]], tuple[list[str], Callable[[np.ndarray], dict]]]
    data: dict


def evaluation_parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap, and of the scenes that are drawn")
    return parser


def start_processes() -> PartialState:
    """Of `accelerate launch`, which may wait for each other as long as it takes; or the only one."""
    return PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=7))


def check_arguments(args: argparse.Namespace) -> None:
    """Whether those of [`evaluation_parser`] make sense; makes the folder of `--output_json`.

    Raises:
        ValueError, OSError: naming the one at fault.
    """
    for flag in ("seed", "per_device_eval_batch_size"):
        least = 0 if flag == "seed" else 1
        if getattr(args, flag) < least:
            raise ValueError(f"--{flag} {getattr(args, flag)}: must be at least {least}")
    if args.output_json:
        check_writable("--output_json", args.output_json)


def check_writable(flag: str, file: Path) -> None:
    """Whether a file can be written later on; makes its folder.

    Raises:
        OSError: it cannot.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            pass
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
    except OSError as error:
        raise OSError(f"{flag} {file}: cannot be written ({error.strerror}); name another") from error


def made_by(args: argparse.Namespace, models: dict[str, AudioTextModel], started: float) -> dict:
    """What figures depend on besides the data, and the seconds since `started`, for the JSON file."""
    return {
        "fingerprints": {name: model.fingerprint for name, model in models.items()},
        "seed": args.seed,
        "versions": versions(),
        "wall_time_s": round(time.perf_counter() - started, 1),
    }


def run_evaluation(script: str, args: argparse.Namespace, prepare: Callable[[argparse.Namespace], Evaluation]) -> None:
    """Evaluate every model of `args`. What is wrong with arguments, data or models ends in one line.

    All processes embed; the first one prints the table and writes `--output_json`.

    Args:
        script: its file name, for errors.
        prepare: reads tables, but no audio yet; raises ValueError or OSError naming the option at fault.
    """
    started = time.perf_counter()
    state = start_processes()
    try:
        check_arguments(args)
        evaluation = prepare(args)
        models = load_models(args)
        sounds = check_sounds(evaluation.clips)
        captions, figures = evaluation.ask(sounds.clips)
        results = {name: figures(scores(model, sounds, captions, args.cache_dir)) for name, model in models.items()}
    except (ValueError, OSError) as error:
        sys.exit(f"{script}: error: {error}")
    if not state.is_main_process:
        return
    print(format_table(results))
    print(f"{len(sounds.clips)} clips, {len(set(captions))} captions, {len(sounds.skipped)} clips skipped")
    if args.output_json:
        report = {
            "data": evaluation.data,
            "n_clips": len(sounds.clips),
            "n_captions": len(set(captions)),
            "skipped": sounds.skipped,
            **made_by(args, models, started),
            "results": results,
        }
        args.output_json.write_text(json.dumps(report, indent=2) + "\n")
