"""Search composed audio by text: queries about order, overlap, negation and duration, among near misses.

After the idea of ReasonAudio (arXiv 2605.03361), on other sounds: figures cannot be compared with its own. Every
target stands beside its near misses, and all compositions of which a query is true count as right. All last ten
seconds, so that models that repeat shorter audio or average windows of longer audio hear the same as others.
"""

import math
from pathlib import Path

from accelerate import PartialState

from teminal.clips import Clip, build_bank
from teminal.evaluation.bank_audio import BankAudio
from teminal.evaluation.evaluation import EvaluationData, evaluate
from teminal.evaluation.options import SearchOptions
from teminal.evaluation.search_figures import search_figures
from teminal.evaluation.search_queries import ask_queries, find_unseen, tabulate_outcomes
from teminal.evaluation.statistics import Figures
from teminal.evaluation.tables import write_tables
from teminal.evaluation.zste import file_stems
from teminal.sampling.search import SET_SIZE, draw_search_sets, drawn_search_clips
from teminal.splits import split_pairs

LEGEND = (
    "In %, with 95 % bootstrap interval over sets of compositions; ties lose. R@k is the share of queries with a true "
    "composition among the first k. Temporal is the mean of order, overlap and order of three; mean that of all kinds."
)
CONFUSION_LEGEND = (
    "Share of queries, in %, by the composition that is found first: right; the same sounds in another order, at once "
    "(for in turn), in turn (for at once), or with other lengths; both heard, the excluded sound too; one sound "
    "exchanged; or any other. Chance is the share of such compositions."
)


def run_search(options: SearchOptions, clips: list[Clip]) -> None:
    """Search the same compositions, of the clips of [`load_clips_to_compose`], with every model."""
    seed, n_sets = options.seed, math.ceil(options.n_compositions / SET_SIZE)

    def prepare() -> EvaluationData:
        with PartialState().local_main_process_first():
            bank = build_bank(clips, lambda bank: drawn_search_clips(bank, n_sets, seed))
        sets = draw_search_sets(bank, n_sets, seed)
        entries = [entry for drawn in sets for entry in drawn.entries()]
        queries = [query for drawn in sets for query in ask_queries(drawn)]
        compositions = [entry.composition for entry in entries]
        audio, outcomes = BankAudio(bank), tabulate_outcomes(queries, entries)
        is_unseen = find_unseen(queries, set(split_pairs(bank.classes)[1]))
        return EvaluationData(
            keys=audio.keys(compositions),
            read=lambda rows: audio.read([compositions[row] for row in rows]),
            captions=[query.text for query in queries],
            score=lambda cosines: search_figures(cosines, queries, outcomes, is_unseen, seed),
            about={"data": options.data(), "n_clips": len(bank.clips), "n_queries": len(queries)},
            legend=LEGEND,
            skipped=bank.skipped,
            arrange=lambda results: {"results": results, "confusion": confusion_of(results)},
            save=save_results,
        )

    evaluate("search", options, prepare)


def confusion_of(results: dict[str, Figures]) -> dict[str, Figures]:
    """Get the confusion of each model."""
    return {name: figures.confusion for name, figures in results.items() if figures.confusion is not None}


def save_results(folder: Path, results: dict[str, Figures]) -> None:
    """Write tables of the confusion; plot the figures, and each model's confusion."""
    from teminal.evaluation.search_plots import plot_confusion, plot_kinds  # takes long

    confusion = confusion_of(results)
    write_tables(folder, "confusion", confusion, {}, CONFUSION_LEGEND, mark_best=False)
    plot_kinds(folder / "search.png", results)
    for name, stem in file_stems(list(results)).items():
        plot_confusion(folder / f"confusion-{stem}.png", confusion[name], name)
