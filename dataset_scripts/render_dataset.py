"""Make recipes whole: compose their audio from your own files. Killed, the same command goes on.

python dataset_scripts/render_dataset.py --recipe_dir datasets/audiocaps --audio_dir AUDIO --output_dir rendered
"""

from teminal.cli import command, parse_options, show_messages


@command("the same command goes on from here")
def main(argv: list[str] | None = None) -> None:
    from teminal.dataset.options import RenderOptions

    options = parse_options(RenderOptions, argv, __doc__)
    show_messages()
    from teminal.dataset.render import render_dataset

    render_dataset(options)


if __name__ == "__main__":
    main()
