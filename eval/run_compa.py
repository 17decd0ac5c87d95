r"""Score models on CompA-order and CompA-attribute: text, audio and group scores.

    python eval/run_compa.py --model_name_or_path laion/clap-htsat-unfused runs/mine \
        --csv_file CompA_order_benchmark.csv --audio_dir CompA_order_files --output_json compa_order.json

Get tables and audio from github.com/Sreyan88/CompA. Rows with missing audio are left out, counted and named.
"""

from teminal.cli import command, parse_options


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.evaluation.inputs import read_compa_rows
    from teminal.evaluation.options import CompaOptions

    options = parse_options(CompaOptions, argv, __doc__)
    pairs, triplets = read_compa_rows(options)
    from teminal.evaluation.compa import run_compa

    run_compa(options, pairs, triplets)


if __name__ == "__main__":
    main()
