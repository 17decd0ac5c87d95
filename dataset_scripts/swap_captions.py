"""Make hard negatives of captions that describe an order, by swapping their clauses.

    python dataset_scripts/swap_captions.py --captions_file train.csv --output_file swaps.parquet
    python dataset_scripts/swap_captions.py --sample_file results/audiocaps_swaps.csv

The second command prints the precision of a sample that a person has marked.
"""

from teminal.cli import command, parse_options


@command()
def main(argv: list[str] | None = None) -> None:
    from teminal.dataset.swaps import SwapOptions, print_precision, write_sample, write_swaps

    options = parse_options(SwapOptions, argv, __doc__)
    if options.captions_file is None:
        print_precision(options.sample_file)
        return
    swaps = write_swaps(options.captions_file, options.output_file)
    if options.sample_file:
        write_sample(swaps, options.sample_file, options.n_samples, options.seed)


if __name__ == "__main__":
    main()
