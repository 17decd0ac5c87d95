r"""Score one or more contrastive audio-text models on the six tasks of ZSTE, all on the same scenes.

    python eval/run_zste.py --model_name_or_path runs/quickstart --source synthetic --folds 5
    python eval/run_zste.py --model_name_or_path laion/clap-htsat-unfused runs/esc50_tiny --esc50_dir ESC-50 \
        --folds 5 --output_dir zste
    torchrun --nproc_per_node 8 eval/run_zste.py ...
"""

from teminal.cli import command, parse_options


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.evaluation.inputs import load_test_clips
    from teminal.evaluation.options import ZsteOptions

    options = parse_options(ZsteOptions, argv, __doc__)
    clips = load_test_clips(options)
    from teminal.evaluation.zste import run_zste

    run_zste(options, clips)


if __name__ == "__main__":
    main()
