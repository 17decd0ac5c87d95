"""The course of every evaluation: models, embeddings, figures; then one table, one JSON file, one folder."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState

from teminal.clips import Clip
from teminal.evaluation.embeddings import Embedder, cosine_scores
from teminal.evaluation.models import load
from teminal.evaluation.options import EvaluationOptions
from teminal.evaluation.sounds import check_sounds
from teminal.evaluation.statistics import Figures, compare_models, list_versions
from teminal.evaluation.tables import format_table, write_tables
from teminal.files import write_json
from teminal.processes import join_processes
from teminal.rendering import SAMPLING_RATE

Score = Callable[[np.ndarray], Figures]


@dataclass(frozen=True, kw_only=True)
class Questions:
    """What every model is asked.

    Attributes:
        keys: a hash of each audio's content.
        read: indices of `keys` -> waveforms (samples,) fp32 at 48 kHz, in their order.
        captions: which of them every audio is scored with.
        score: cosines (audios, captions) -> figures.
        about: what the JSON file says of the data.
        skipped: name of each clip that cannot be read -> reason.
        legend: what the figures are, in one line below tables.
        arrange: model -> figures, to how they stand in the JSON file.
        save: writes more to the folder it is given, of model -> figures.
    """

    keys: list[str]
    read: Callable[[list[int]], Iterator[np.ndarray]]
    captions: list[str]
    score: Score
    about: dict[str, Any]
    legend: str
    skipped: dict[str, str] = field(default_factory=dict)
    arrange: Callable[[dict[str, Figures]], dict[str, Any]] = lambda results: {"results": results}
    save: Callable[[Path, dict[str, Figures]], None] = lambda folder, results: None


def start_processes() -> PartialState:
    """Join as many processes as were started, which may wait for each other for days.

    Raises:
        ValueError: see [`join_processes`].
    """
    return join_processes(lambda cpu: PartialState(cpu=cpu, timeout=timedelta(days=7)))


def evaluate(name: str, options: EvaluationOptions, prepare: Callable[[], Questions]) -> None:
    """Ask every model, print the table, and write what `--output_json` and `--output_dir` ask for.

    All processes embed; the first one computes the figures.

    Args:
        name: of the files in `--output_dir`.
        prepare: called once the processes know of each other and the models are loaded.
    """
    started = time.perf_counter()
    state = start_processes()
    models = {
        model_name: load(path, options.model_type, options.per_device_eval_batch_size)
        for model_name, path in options.named_models().items()
    }
    questions = prepare()
    results: dict[str, Figures] = {}
    for model_name, model in models.items():
        embedder = Embedder(model, options.cache_dir)
        audio = embedder.audio(questions.keys, questions.read, SAMPLING_RATE)
        cosines = cosine_scores(audio, embedder.text(questions.captions))
        if state.is_main_process:
            results[model_name] = questions.score(cosines)
    if not state.is_main_process:
        return
    print(format_table(results))
    n_captions, n_skipped = len(set(questions.captions)), len(questions.skipped)
    print(f"{len(questions.keys)} audios, {n_captions} captions, {n_skipped} clips skipped")
    differences = compare_models(results)
    report = {
        **questions.about,
        "n_audios": len(questions.keys),
        "n_captions": n_captions,
        "skipped": questions.skipped,
        "models": options.named_models(),
        "fingerprints": {model_name: model.fingerprint for model_name, model in models.items()},
        "seed": options.seed,
        "versions": list_versions(),
        "wall_time_s": round(time.perf_counter() - started, 1),
        **questions.arrange(results),
        "differences": differences,
    }
    if options.output_json:
        write_json(options.output_json, report)
    if options.output_dir:
        write_json(options.output_dir / f"{name}.json", report)
        write_tables(options.output_dir, name, results, differences, questions.legend)
        questions.save(options.output_dir, results)


def evaluate_clips(
    name: str,
    options: EvaluationOptions,
    clips: list[Clip],
    ask: Callable[[list[Clip]], tuple[list[str], Score]],
    about: dict[str, Any],
    legend: str,
) -> None:
    """Evaluate on clips as they are; those that cannot be read are named and left out.

    Args:
        ask: the clips that can be read -> captions and how cosines (clips, captions) are scored.
    """

    def prepare() -> Questions:
        sounds = check_sounds(clips)
        captions, score = ask(sounds.clips)
        return Questions(
            keys=sounds.keys,
            read=sounds.read,
            captions=captions,
            score=score,
            about={"data": about, "n_clips": len(sounds.clips)},
            legend=legend,
            skipped=sounds.skipped,
        )

    evaluate(name, options, prepare)
