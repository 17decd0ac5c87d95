"""The course of an evaluation: data, models, embeddings, one table and one JSON file.

What needs seconds to import is imported where it is used, once the arguments are known to make sense.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from teminal.clips import Clip
from teminal.endings import errors_in_one_line
from teminal.evaluation.options import check_arguments, named_models
from teminal.files import write_json


@dataclass(frozen=True)
class Evaluation:
    """What is asked of every model.

    Attributes:
        clips: not decoded yet.
        ask: clips that can be read -> the captions that each of them is scored with, and what makes the figures of
            the scores (clips, captions), keeping their bootstrap samples.
        data: where the clips come from, for the JSON file.
        legend: what the figures are, in one line below tables.
    """

    clips: list[Clip]
    ask: Callable[[list[Clip]], tuple[list[str], Callable[[np.ndarray, dict], dict]]]
    data: dict
    legend: str


def start_processes():
    """The [`accelerate.PartialState`] of as many processes as were started, which may wait for each other for days.

    Raises:
        ValueError: see [`join_processes`].
    """
    from accelerate import PartialState

    from teminal.processes import join_processes

    return join_processes(lambda cpu: PartialState(cpu=cpu, timeout=timedelta(days=7)))


def made_by(args: argparse.Namespace, fingerprints: dict[str, str], started: float) -> dict:
    """What figures depend on besides the data, and the seconds since `started`, for the JSON file."""
    from teminal.evaluation.statistics import versions

    return {
        "models": named_models(args),
        "fingerprints": fingerprints,
        "seed": args.seed,
        "versions": versions(),
        "wall_time_s": round(time.perf_counter() - started, 1),
    }


def run_evaluation(script: str, args: argparse.Namespace, prepare: Callable[[argparse.Namespace], Evaluation]) -> None:
    """Evaluate every model of `args`. What is wrong with arguments, data or models ends in one line.

    All processes embed; the first one prints the table and writes what `--output_json` and `--output_dir` ask for.

    Args:
        script: its file name, for errors.
        prepare: reads tables, but no audio yet; raises ValueError or OSError naming the option at fault.
    """
    started = time.perf_counter()
    with errors_in_one_line(script, ValueError, OSError):
        check_arguments(args)
        evaluation = prepare(args)
        from teminal.evaluation.models import load_models
        from teminal.evaluation.sounds import check_sounds, scores
        from teminal.evaluation.statistics import format_table, sample_differences
        from teminal.evaluation.tables import write_paper

        state = start_processes()
        models = load_models(args)
        sounds = check_sounds(evaluation.clips)
        captions, figures = evaluation.ask(sounds.clips)
        results, samples = {}, {name: {} for name in models}
        for name, model in models.items():
            results[name] = figures(scores(model, sounds, captions, args.cache_dir), samples[name])
        if not state.is_main_process:
            return
        print(format_table(results))
        print(f"{len(sounds.clips)} clips, {len(set(captions))} captions, {len(sounds.skipped)} clips skipped")
        report = {
            "data": evaluation.data,
            "n_clips": len(sounds.clips),
            "n_captions": len(set(captions)),
            "skipped": sounds.skipped,
            **made_by(args, {name: model.fingerprint for name, model in models.items()}, started),
            "results": results,
            "differences": sample_differences(results, samples),
        }
        if args.output_json:
            write_json(args.output_json, report)
        if args.output_dir:
            stem = script.removeprefix("run_").removesuffix(".py")
            write_json(args.output_dir / f"{stem}.json", report)
            labels = {key: key.replace("_", " ") for key in next(iter(samples.values()))}
            write_paper(args.output_dir, stem, results, report["differences"], labels, evaluation.legend)
