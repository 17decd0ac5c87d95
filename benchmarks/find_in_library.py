"""Measure what `teminal search` finds in a library of `make_library.py` when it is asked for an order.

    python benchmarks/make_library.py --esc50_dir ESC-50 --output_dir library
    python benchmarks/find_in_library.py --library library --model_name_or_path runs/esc50_tiny/after_pretrain \
        runs/esc50_tiny --names base "after B" --output_json results/find_in_library.json

A query names two sounds that follow one another in some file. Recall is over those that no file has the other way
round: a hit is right if its file has them, and its place is right if it starts at most 5 s from where the first sound
does. Order is over the others: the first hit at a place of either order is at one of the order that was asked for
(chance: half).
"""

import random
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import side_by_side as bench
import torch
from make_library import Pair, Truth, find_pairs, list_successions, read_truth

from teminal.evaluation.statistics import Figures, resample
from teminal.search.embed import embed_folder
from teminal.search.index import Hit, Index
from teminal.search.options import EmbedOptions

ORDER = "This is a sound of {} before {}."
NEAR_S = 5.0
TOP_K = 10


def draw_pairs(pairs: list[Pair], both_ways: bool, n_queries: int) -> list[Pair]:
    """Draw pairs of sounds that also follow one another the other way round, or that do not."""
    chosen = [pair for pair in pairs if (pair[::-1] in pairs) == both_ways]
    return random.Random(0).sample(chosen, min(n_queries, len(chosen)))


def find_starts(sounds: list[dict], labels: Pair) -> list[float]:
    """Find where in a file a sound of the first label is followed by one of the second: seconds."""
    return [start_s for pair, start_s in list_successions(sounds) if pair == labels]


def is_near(hit: Hit, starts_s: list[float]) -> bool:
    """Tell whether a hit starts at most `NEAR_S` from one of the places."""
    return any(abs(hit.start_s - start_s) <= NEAR_S for start_s in starts_s)


def measure_recall(index: Index, truth: Truth, pairs: list[Pair]) -> dict:
    """Measure how often a right file is in the top 10, and how often hits in right files start where the sounds do.

    A file may have several hits: "best" is of the first in each file.
    """
    found, placed, best_placed = [], [], []
    for labels in pairs:
        right: dict[str, list[bool]] = defaultdict(list)
        for hit in index.search(ORDER.format(*labels), TOP_K):
            if starts_s := find_starts(truth[hit.file], labels):
                right[hit.file].append(is_near(hit, starts_s))
        found.append(bool(right))
        for of_file in right.values():
            placed += of_file
            best_placed.append(of_file[0])
    return summarize({"recall_at_10": found, "start_within_5_s": placed, "best_start_within_5_s": best_placed})


def measure_order(index: Index, truth: Truth, pairs: list[Pair]) -> dict:
    """Measure how often, of places of both orders, the first hit at either is one of the order that was asked for."""
    right = []
    for labels in pairs:
        for hit in index.search(ORDER.format(*labels), len(index.store)):
            asked, other = (is_near(hit, find_starts(truth[hit.file], order)) for order in (labels, labels[::-1]))
            if asked != other:
                right.append(asked)
                break
    return summarize({"right_order_first": right})


def summarize(cases: dict[str, list[bool]]) -> dict:
    """Average each list that is not empty, with its interval."""
    figures = Figures()
    for name, values in cases.items():
        if values:  # no right hit has no start
            samples = resample(len(values), 0) @ np.array(values) / len(values)
            figures.add(name, float(np.mean(values)), samples, len(values))
    return dict(figures)


def main() -> None:
    parser = bench.make_parser(__doc__)
    parser.add_argument("--library", type=Path, required=True, help="folder of make_library.py")
    parser.add_argument("--model_name_or_path", nargs="+", required=True)
    parser.add_argument("--names", nargs="+", help="of the models; default: their paths")
    parser.add_argument("--n_queries", type=int, default=300, help="of each kind, at most")
    args = parser.parse_args()
    names = args.names or args.model_name_or_path
    if len(set(names)) != len(args.model_name_or_path):
        parser.error("--names: give a different one for each model")
    truth = read_truth(args.library)
    pairs = find_pairs(truth)
    one_way = draw_pairs(pairs, False, args.n_queries)
    both_ways = draw_pairs(pairs, True, args.n_queries)
    results: dict = {"machine": bench.describe_machine(torch.device("cpu"))}
    with tempfile.TemporaryDirectory() as folder:
        for name, path in zip(names, args.model_name_or_path, strict=True):
            place = Path(folder, name.replace("/", "_"))
            embed_folder(EmbedOptions(folder=args.library, model=path, index=place))
            index = Index(place)
            results[name] = {**measure_recall(index, truth, one_way), **measure_order(index, truth, both_ways)}
            print(name, results[name], flush=True)
            bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
