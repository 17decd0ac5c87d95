r"""Search composed audio by text, among near misses: queries about order, overlap, negation and duration.

    python eval/run_search.py --model_name_or_path runs/quickstart --source synthetic --folds 5
    python eval/run_search.py --model_name_or_path laion/clap-htsat-unfused runs/esc50_tiny --esc50_dir ESC-50 \
        --folds 5 --output_dir search
    torchrun --nproc_per_node 8 eval/run_search.py ...

Figures are R@1, R@10, mAP@10 and nDCG@10 of each kind of query, and what is found first instead of the right sound.
"""

from teminal.cli import command, parse_options


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.evaluation.inputs import load_clips_to_compose
    from teminal.evaluation.options import SearchOptions

    options = parse_options(SearchOptions, argv, __doc__)
    clips = load_clips_to_compose(options)
    from teminal.evaluation.search import run_search

    run_search(options, clips)


if __name__ == "__main__":
    main()
