r"""Classify ESC-50, UrbanSound8K, FSD50K or another labelled source, zero-shot.

    python eval/run_classification.py --model_name_or_path laion/clap-htsat-unfused runs/mine --esc50_dir ESC-50
    torchrun --nproc_per_node 8 eval/run_classification.py ... --source urbansound8k --audio_dir UrbanSound8K
    python eval/run_classification.py ... --source fsd50k --audio_dir FSD50K.eval_audio \
        --labels_file FSD50K.ground_truth/eval.csv --output_json fsd50k.json

Figures are the accuracy on each fold and its mean, or for FSD50K, whose clips have several labels, mAP over classes.
"""

from teminal.cli import command, parse_options


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.evaluation.inputs import load_labelled_clips
    from teminal.evaluation.options import ClassificationOptions

    options = parse_options(ClassificationOptions, argv, __doc__)
    clips = load_labelled_clips(options)
    from teminal.evaluation.classification import run_classification

    run_classification(options, clips)


if __name__ == "__main__":
    main()
