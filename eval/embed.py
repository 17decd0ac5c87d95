"""Embed a folder of audio files with a CLAP checkpoint; the same command continues after an interruption.

python eval/embed.py --model_name_or_path runs/esc50_tiny --audio_dir ESC-50/audio --output_file embeddings.parquet
torchrun --nproc_per_node 8 eval/embed.py ...
"""

from teminal.cli import command, parse_options


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.evaluation.options import EmbedOptions

    options = parse_options(EmbedOptions, argv, __doc__)
    from teminal.evaluation.embed import embed_folder

    embed_folder(options)


if __name__ == "__main__":
    main()
