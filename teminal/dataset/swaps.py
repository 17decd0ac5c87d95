"""Make hard negatives by swapping the order in captions, and measure how many are right."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teminal.files import write_whole
from teminal.options import option
from teminal.tables import read_table

COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")
MARKED = ("audiocap_id", "caption", "swapped_caption", "verdict", "note")


@dataclass
class SwapOptions:
    """Options of swap_captions.py."""

    captions_file: Path | None = option(None, "CSV with the columns " + ", ".join(COLUMNS))
    output_file: Path | None = option(None, "Parquet: the columns above and swapped_caption")
    sample_file: Path | None = option(
        None, "CSV with a sample of swaps to mark; without --captions_file: the marked one"
    )
    n_samples: int = option(200, "number of swaps in the sample")
    seed: int = option(0, "of the random sample")

    def __post_init__(self) -> None:
        is_marked = self.sample_file is not None and self.captions_file is None
        if not is_marked and not (self.captions_file and self.output_file):
            raise ValueError("give --captions_file and --output_file, or --sample_file alone")
        if self.sample_file and not is_marked and self.sample_file.exists():
            raise ValueError(f"--sample_file {self.sample_file} exists; it may hold verdicts: name another file")


def write_swaps(captions_file: Path, output_file: Path) -> list[dict[str, str]]:
    """Swap the captions of a table where that is safe, write and return them."""
    rows = read_table(captions_file, COLUMNS)
    from teminal.language import swap_order  # takes half a second

    swaps = []
    for row in rows:
        swapped = swap_order(row["caption"])
        if swapped:
            swaps.append({**{name: row[name] for name in COLUMNS}, "swapped_caption": swapped})
    schema = pa.schema([(name, pa.string()) for name in (*COLUMNS, "swapped_caption")])
    write_whole(output_file, lambda file: pq.write_table(pa.Table.from_pylist(swaps, schema), file))
    print(f"{len(swaps)} of {len(rows)} captions swapped in {output_file}")
    return swaps


def write_sample(swaps: list[dict[str, str]], sample_file: Path, n_samples: int, seed: int) -> None:
    """Write a random sample of swaps, for a person to mark `right` or `wrong`."""
    rng = np.random.RandomState(seed)
    chosen = rng.choice(len(swaps), min(n_samples, len(swaps)), replace=False)
    with open(sample_file, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MARKED, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(swaps[index] for index in chosen)


def print_precision(sample_file: Path) -> None:
    """Print the share of swaps that are marked `right`, with its 95 % Wilson interval."""
    verdicts = [row["verdict"].strip() for row in read_table(sample_file, MARKED[:3])]
    if set(verdicts) - {"right", "wrong"}:
        raise ValueError(f"--sample_file {sample_file}: mark every verdict `right` or `wrong`")
    from scipy.stats import binomtest  # takes a second

    n_right = verdicts.count("right")
    low, high = binomtest(n_right, len(verdicts)).proportion_ci(method="wilson")
    share = n_right / len(verdicts)
    print(f"{n_right} of {len(verdicts)} right: {share:.1%}, 95 % interval {low:.1%} to {high:.1%}")
