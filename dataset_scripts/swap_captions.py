"""Hard negatives of human-written captions that already carry an order, made by swapping their clauses.

python dataset_scripts/swap_captions.py --captions_file train.csv --output_file swaps.parquet
python dataset_scripts/swap_captions.py --sample_file results/audiocaps_swaps.csv  # the precision of a marked sample
"""

import argparse
import csv
from pathlib import Path

from teminal.endings import errors_in_one_line, interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("swap_captions.py")

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teminal.files import write_whole
from teminal.language import swap_order
from teminal.table import read_table

COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")
MARKED = ("audiocap_id", "caption", "swapped_caption", "verdict", "note")


def precision(verdicts: list[str]) -> tuple[float, float, float]:
    """The share of `right` among the verdicts, and its 95 % Wilson interval."""
    n, z = len(verdicts), 1.959964
    share = verdicts.count("right") / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half_width = z * (share * (1 - share) / n + z**2 / (4 * n**2)) ** 0.5 / (1 + z**2 / n)
    return share, centre - half_width, centre + half_width


def write_swaps(captions_file: Path, output_file: Path) -> list[dict[str, str]]:
    """Write every safe swap of a caption table, and return them."""
    rows = read_table(captions_file, COLUMNS)
    swaps = [{**{name: row[name] for name in COLUMNS}, "swapped_caption": swap_order(row["caption"])} for row in rows]
    swaps = [row for row in swaps if row["swapped_caption"]]
    schema = pa.schema([(name, pa.string()) for name in (*COLUMNS, "swapped_caption")])
    write_whole(output_file, lambda file: pq.write_table(pa.Table.from_pylist(swaps, schema), file))
    print(f"{len(swaps)} of {len(rows)} captions swapped in {output_file}")
    return swaps


def write_sample(swaps: list[dict[str, str]], sample_file: Path, n_samples: int, seed: int) -> None:
    """A sample to be read and marked."""
    draw = np.random.RandomState(seed)
    chosen = draw.choice(len(swaps), min(n_samples, len(swaps)), replace=False)
    with open(sample_file, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, MARKED, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(swaps[index] for index in chosen)


def print_precision(sample_file: Path) -> None:
    verdicts = [row["verdict"].strip() for row in read_table(sample_file, MARKED[:3])]
    if set(verdicts) - {"right", "wrong"}:
        raise ValueError(f"--sample_file {sample_file}: mark every verdict `right` or `wrong`")
    share, low, high = precision(verdicts)
    print(f"{verdicts.count('right')} of {len(verdicts)} right: {share:.1%}, 95 % interval {low:.1%} to {high:.1%}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions_file", type=Path, help="CSV with the columns " + ", ".join(COLUMNS))
    parser.add_argument("--output_file", type=Path, help="Parquet: the columns above and swapped_caption")
    parser.add_argument("--sample_file", type=Path, help="CSV of swaps to mark; without --captions_file: marked")
    parser.add_argument("--n_samples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with errors_in_one_line("swap_captions.py", ValueError, OSError):
        if args.captions_file and args.output_file:
            if args.sample_file and args.sample_file.exists():
                raise ValueError(f"--sample_file {args.sample_file} exists; it may hold verdicts: name another file")
            swaps = write_swaps(args.captions_file, args.output_file)
            if args.sample_file:
                write_sample(swaps, args.sample_file, args.n_samples, args.seed)
        elif args.sample_file and not args.captions_file:
            print_precision(args.sample_file)
        else:
            raise ValueError("give --captions_file and --output_file, or --sample_file alone")


if __name__ == "__main__":
    main()
