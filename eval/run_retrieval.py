r"""Evaluate text-to-audio and audio-to-text retrieval on AudioCaps, Clotho or a captioned dataset of the Hub.

    python eval/run_retrieval.py --model_name_or_path laion/clap-htsat-unfused runs/mine --source clotho \
        --captions_dir CLOTHO --audio_dir CLOTHO --output_json retrieval.json
    torchrun --nproc_per_node 8 eval/run_retrieval.py ... --source audiocaps --captions_dir AUDIOCAPS --audio_dir AUDIO
    python eval/run_retrieval.py ... --dataset_name USER/NAME       # with the columns audio and caption

Without --source, the Hub dataset has the columns audio and caption (one text or several); rows with the same audio are
one clip. With --source audiocaps it has AudioCaps' columns, for the audio of --audio_dir.
"""

from teminal.cli import command, parse_options


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.evaluation.inputs import load_captioned_clips
    from teminal.evaluation.options import RetrievalOptions

    options = parse_options(RetrievalOptions, argv, __doc__)
    clips = load_captioned_clips(options)
    from teminal.evaluation.retrieval import run_retrieval

    run_retrieval(options, clips)


if __name__ == "__main__":
    main()
