"""Run ZSTE: draw scenes from test clips or load fixed ones, score every model, and plot the figures."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from accelerate import PartialState
from huggingface_hub.repocard_data import eval_results_to_model_index

from teminal.clips import Clip, build_bank
from teminal.evaluation import wordings
from teminal.evaluation.bank_audio import BankAudio
from teminal.evaluation.curves import score_curves
from teminal.evaluation.evaluation import EvaluationData, evaluate
from teminal.evaluation.options import ZsteOptions
from teminal.evaluation.score import CosineTable, distinct_audios, distinct_captions, score_zste
from teminal.evaluation.statistics import Figures, compare_models
from teminal.evaluation.tables import LEGEND, ZSTE_LABELS, eval_results, format_table, write_tables, write_text
from teminal.evaluation.zste_dataset import DatasetAudio, load_scenes
from teminal.evaluation.zste_questions import Example, build_curve_examples, build_examples
from teminal.sampling.zste import drawn_clips


def run_zste(options: ZsteOptions, clips: list[Clip] | None) -> None:
    """Score all models on the same scenes, of the clips of [`load_test_clips`] or of `--zste_dataset`."""
    seed, n_scenes, paths = options.seed, options.n_scenes or 0, options.model_name_or_path
    evaluated = f"ZSTE on {Path(options.zste_dataset or str(options.source)).name}"

    def prepare() -> EvaluationData:
        about: dict = {"model": paths[0] if len(paths) == 1 else paths}
        skipped: dict[str, str] = {}
        audio: BankAudio | DatasetAudio
        on_curves: list[Example] = []
        with PartialState().local_main_process_first():
            if clips is None:
                examples, audio = load_scenes(str(options.zste_dataset), seed)
                about |= {"zste_dataset": options.zste_dataset, "n_scenes": len(audio.rows)}
            else:
                bank = build_bank(clips, lambda bank: drawn_clips(bank, n_scenes, seed))
                examples, audio, skipped = build_examples(bank, n_scenes, seed), BankAudio(bank), bank.skipped
                about |= {**options.data(), "n_clips": len(bank.clips)}
                if options.robustness_curves:
                    on_curves = build_curve_examples(bank, n_scenes, seed)
        reworded = wordings.build_wording_examples(examples)
        asked = examples + reworded + on_curves
        compositions = distinct_audios(asked)

        def score(cosines: np.ndarray) -> Figures:
            table = CosineTable(asked, cosines)
            figures = score_zste(examples, table, seed)
            figures.wordings = wordings.score_wordings(reworded, table, seed)
            figures.curves = score_curves(on_curves, table) if on_curves else {}
            return figures

        return EvaluationData(
            keys=audio.keys(compositions),
            read=lambda rows: audio.read([compositions[row] for row in rows]),
            captions=distinct_captions(asked),
            score=score,
            about=about,
            legend=LEGEND,
            skipped=skipped,
            format=format_report,
            arrange=arrange_report,
            save=lambda folder, results: save_results(folder, results, evaluated, examples, audio),
        )

    evaluate("zste", options, prepare)


def compare_both_with_one(results: dict[str, Figures]) -> dict[str, Figures]:
    """Compute 2C over 1A squared: 1 if both sounds of a sequence are found as often as each alone, 0 where 1A is 0."""
    ratios = {}
    for name, figures in results.items():
        one = figures.samples["1A"] ** 2
        samples = np.divide(figures.samples["2C"], one, out=np.zeros_like(one), where=one > 0)
        value = figures["2C"] / figures["1A"] ** 2 if figures["1A"] else 0.0
        ratios[name] = Figures()
        ratios[name].add("2C_over_1A_squared", value, samples, figures["2C_n"])
    return ratios


def format_report(results: dict[str, Figures]) -> str:
    """Format the tables of ZSTE, of both sounds against one, and of wordings."""
    tables = (results, compare_both_with_one(results), get_wordings(results))
    return "\n\n".join(format_table(table) for table in tables)


def get_wordings(results: dict[str, Figures]) -> dict[str, Figures]:
    """Get the figures of wordings of each model."""
    return {name: figures.wordings for name, figures in results.items() if figures.wordings}


def get_curves(results: dict[str, Figures]) -> dict[str, dict[str, list[dict]]]:
    """Get the robustness curves of each model; {} without `--robustness_curves`."""
    return {name: figures.curves for name, figures in results.items() if figures.curves}


def arrange_report(results: dict[str, Figures]) -> dict[str, Any]:
    """Arrange the entries of the JSON file, of several models by their names: figures, ratios, wordings and curves."""
    ratios = compare_both_with_one(results)
    entries: dict[str, dict[str, Any]] = {
        "zste": {**results},
        "ratios": {**ratios},
        "wordings": {**get_wordings(results)},
    }
    if curves := get_curves(results):
        entries["curves"] = {**curves}
    return {key: of if len(results) > 1 else next(iter(of.values())) for key, of in entries.items()}


def save_results(
    folder: Path,
    results: dict[str, Figures],
    evaluated: str,
    examples: list[Example],
    audio: BankAudio | DatasetAudio,
) -> None:
    """Write each model's `model-index`, and tables of wordings; plot the figures.

    Plots show the sub-tasks, their change, accuracy by hardness and by pair of classes, and robustness curves.

    Args:
        evaluated: name of the scenes, for the `model-index`.
    """
    from teminal.evaluation.curve_plots import plot_curves  # takes long
    from teminal.evaluation.plots import plot_against, plot_bars, plot_change, plot_pairs

    of_wordings = get_wordings(results)
    write_tables(folder, "wordings", of_wordings, compare_models(of_wordings), wordings.LEGEND)
    if curves := get_curves(results):
        plot_curves(folder / "robustness.png", curves)
    plot_bars(folder / "zste.png", results, "ZSTE")
    if len(results) > 1:
        plot_change(folder / "change.png", results, "ZSTE")
    task = audio.difficulty_task
    values = [audio.difficulty(example.audios[0]) for example in examples if example.task == task]
    plot_against(folder / f"{task}.png", values, results, audio.difficulty_label, task)
    pairs = [example.labels for task in ("3A", "3B") for example in examples if example.task == task]
    for name, stem in file_stems(list(results)).items():
        right = results[name].right
        plot_pairs(folder / f"pairs-{stem}.png", pairs, right["3A"] + right["3B"], name)
        index = eval_results_to_model_index(name, eval_results(evaluated, results[name], list(ZSTE_LABELS)))
        write_text(folder / f"model-index-{stem}.yaml", yaml.safe_dump({"model-index": index}, sort_keys=False))


def file_stems(names: list[str]) -> dict[str, str]:
    """Map names to distinct file names, without characters that file systems refuse."""
    stems: dict[str, str] = {}
    for number, name in enumerate(names, start=1):
        stem = "".join(letter if letter.isalnum() or letter in "-+._ " else "_" for letter in name).strip()
        taken = {other.casefold() for other in stems.values()}
        stems[name] = f"{stem}-{number}" if stem.casefold() in taken else stem
    return stems
