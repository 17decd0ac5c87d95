r"""CompA-order and CompA-attribute: text, audio and group scores of the authors' tables.

    python eval/run_compa.py --model_name_or_path laion/clap-htsat-unfused runs/mine \
        --csv_file CompA_order_benchmark.csv --audio_dir CompA_order_files --output_json compa_order.json

Table and audio are linked at github.com/Sreyan88/CompA. Rows without their audio are left out, counted and named.
"""

import argparse
import itertools
import logging
from dataclasses import dataclass
from pathlib import Path

from teminal.endings import interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("run_compa.py", "the same command goes on from here")

import numpy as np

from teminal.clips import Clip
from teminal.evaluation.evaluation import Evaluation, run_evaluation
from teminal.evaluation.options import evaluation_parser
from teminal.sources import require_folder
from teminal.tables import check_rows, find_file, read_table

LEGEND = (
    "In %: every audio picks its own caption (text), every caption its own audio (audio), or both (group), of pairs "
    "or of triplets; ties lose."
)
HINT = "get tables and audio from github.com/Sreyan88/CompA"
PAIR = ("pair", "reversed_pair")
COLUMNS = tuple(f"{member}_{part}" for part in ("caption", "file") for member in PAIR)
NONE = ("", "-")  # what stands for a triplet that is not there

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """Two or three file names, as the table has them, and the caption of each."""

    files: tuple[str, ...]
    captions: tuple[str, ...]


def parse_args() -> argparse.Namespace:
    parser = evaluation_parser(__doc__)
    parser.add_argument("--csv_file", required=True, help=f"columns {', '.join(COLUMNS)}; may have triplet_*")
    parser.add_argument("--audio_dir", required=True, help="folder with the files that the table names")
    return parser.parse_args()


def read_rows(csv_file: str) -> tuple[list[Row], list[Row]]:
    """The table's (pairs, triplets).

    CompA-attribute names audio twice: `pair_file` is where it comes from, `pair_file.1` the file of the archive.
    """
    if not Path(csv_file).is_file():
        raise FileNotFoundError(f"--csv_file {csv_file}: no such table; {HINT}")
    table = read_table(Path(csv_file), COLUMNS, twice=COLUMNS[2:])
    files = [f"{member}_file.1" if f"{member}_file.1" in table[0] else f"{member}_file" for member in PAIR]
    check_rows(csv_file, table, tuple(files))
    pairs, triplets = [], []
    for line in table:
        pair = Row(tuple(line[name] for name in files), tuple(line[name] for name in COLUMNS[:2]))
        pairs.append(pair)
        third = [(line.get(f"triplet_{part}") or "").strip() for part in ("file", "caption")]
        if not any(value in NONE for value in third):
            triplets.append(Row((*pair.files, third[0]), (*pair.captions, third[1])))
    return pairs, triplets


def example_scores(scores: np.ndarray, rows: list[Row], row_of: dict[str, int], column_of: dict[str, int]):
    """Scores (clips, captions) of all -> (rows, n, n) of each row's own."""
    clips = np.array([[row_of[name] for name in row.files] for row in rows])
    captions = np.array([[column_of[caption] for caption in row.captions] for row in rows])
    return scores[clips[:, :, None], captions[:, None, :]]


def prepare(args: argparse.Namespace) -> Evaluation:
    pairs, triplets = read_rows(args.csv_file)
    folder = require_folder("--audio_dir", args.audio_dir, HINT)
    from teminal.evaluation.compa import compa_figures

    names = dict.fromkeys(itertools.chain.from_iterable(row.files for row in pairs + triplets))
    data = {"csv_file": args.csv_file, "audio_dir": args.audio_dir}

    def ask(clips):
        from accelerate import PartialState

        row_of = {clip.name: number for number, clip in enumerate(clips)}
        kept, kept_triplets = ([row for row in rows if row_of.keys() >= set(row.files)] for rows in (pairs, triplets))
        data["rows_left_out"] = {"pairs": len(pairs) - len(kept), "triplets": len(triplets) - len(kept_triplets)}
        if kept != pairs and PartialState().is_main_process:
            logger.warning("left out %d of %d rows, whose audio is skipped", len(pairs) - len(kept), len(pairs))
        if not kept:
            raise ValueError(f"--audio_dir {folder}: no row of {args.csv_file} has both of its files there; {HINT}")
        captions = list(dict.fromkeys(itertools.chain.from_iterable(row.captions for row in kept + kept_triplets)))
        column_of = {caption: number for number, caption in enumerate(captions)}

        def figures(scores, keep):
            found = compa_figures(example_scores(scores, kept, row_of, column_of), args.seed, keep=keep)
            if kept_triplets:
                of_triplets = example_scores(scores, kept_triplets, row_of, column_of)
                found |= compa_figures(of_triplets, args.seed, "triplet_", keep)
            return found

        return captions, figures

    return Evaluation([Clip(name, "", None, "", find_file(folder, name)) for name in names], ask, data, LEGEND)


def main() -> None:
    run_evaluation("run_compa.py", parse_args(), prepare)


if __name__ == "__main__":
    main()
