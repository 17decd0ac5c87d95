"""Run an evaluation: embed with every model, compute figures, and write tables and a JSON file."""

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
class EvaluationData:
    """Audio and captions that every model embeds, and how their cosines are scored.

    Attributes:
        keys: hash of each audio.
        read: takes indices of `keys`; yields their waveforms (samples,) fp32 at 48 kHz, in order.
        captions: scored with every audio.
        score: computes figures from cosines (audios, captions).
        about: description of the data for the JSON file.
        skipped: name -> reason of clips that cannot be read.
        legend: explanation of the figures, one line below tables.
        format: turns model -> figures into the text that is printed.
        arrange: turns model -> figures into entries of the JSON file.
        save: writes more files to a folder, from model -> figures.
    """

    keys: list[str]
    read: Callable[[list[int]], Iterator[np.ndarray]]
    captions: list[str]
    score: Score
    about: dict[str, Any]
    legend: str
    skipped: dict[str, str] = field(default_factory=dict)
    format: Callable[[dict[str, Figures]], str] = format_table
    arrange: Callable[[dict[str, Figures]], dict[str, Any]] = lambda results: {"results": results}
    save: Callable[[Path, dict[str, Figures]], None] = lambda folder, results: None


def start_processes() -> PartialState:
    """Connect the processes of a launch; they may wait for each other for days.

    Raises:
        ValueError: see [`join_processes`].
    """
    return join_processes(lambda cpu: PartialState(cpu=cpu, timeout=timedelta(days=7)))


def evaluate(name: str, options: EvaluationOptions, prepare: Callable[[], EvaluationData]) -> None:
    """Evaluate every model, print the table, and write `--output_json` and `--output_dir`.

    All processes embed; the main process computes the figures.

    Args:
        name: of the files in `--output_dir`.
        prepare: loads the data; called when processes are connected and models loaded.
    """
    started = time.perf_counter()
    state = start_processes()
    models = {
        model_name: load(path, options.model_type, options.per_device_eval_batch_size)
        for model_name, path in options.named_models().items()
    }
    data = prepare()
    results: dict[str, Figures] = {}
    for model_name, model in models.items():
        embedder = Embedder(model, options.cache_dir)
        audio = embedder.embed_audio(data.keys, data.read, SAMPLING_RATE)
        cosines = cosine_scores(audio, embedder.embed_text(data.captions))
        if state.is_main_process:
            results[model_name] = data.score(cosines)
    if not state.is_main_process:
        return
    print(data.format(results))
    n_captions, n_skipped = len(set(data.captions)), len(data.skipped)
    print(f"{len(data.keys)} audios, {n_captions} captions, {n_skipped} clips skipped")
    differences = compare_models(results)
    report = {
        **data.about,
        "n_audios": len(data.keys),
        "n_captions": n_captions,
        "skipped": data.skipped,
        "models": options.named_models(),
        "fingerprints": {model_name: model.fingerprint for model_name, model in models.items()},
        "seed": options.seed,
        "versions": list_versions(),
        "wall_time_s": round(time.perf_counter() - started, 1),
        **data.arrange(results),
        "differences": differences,
    }
    if options.output_json:
        write_json(options.output_json, report)
    if options.output_dir:
        write_json(options.output_dir / f"{name}.json", report)
        write_tables(options.output_dir, name, results, differences, data.legend)
        data.save(options.output_dir, results)


def evaluate_clips(
    name: str,
    options: EvaluationOptions,
    clips: list[Clip],
    prepare: Callable[[list[Clip]], tuple[list[str], Score]],
    about: dict[str, Any],
    legend: str,
) -> None:
    """Evaluate models on clips in full length, without those that cannot be read.

    Args:
        prepare: takes the readable clips; returns captions, and the function that computes figures from cosines
            (clips, captions).
        about, legend: see [`EvaluationData`].
    """

    def load_data() -> EvaluationData:
        sounds = check_sounds(clips)
        captions, score = prepare(sounds.clips)
        return EvaluationData(
            keys=sounds.keys,
            read=sounds.read,
            captions=captions,
            score=score,
            about={"data": about, "n_clips": len(sounds.clips)},
            legend=legend,
            skipped=sounds.skipped,
        )

    evaluate(name, options, load_data)
