"""Render the audio of recipes from your own files; the same command continues a killed build.

python dataset_scripts/render_dataset.py --recipe_dir datasets/audiocaps --audio_dir AUDIO --output_dir rendered
"""

from teminal.cli import command, parse_options, show_messages


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.dataset.options import RenderOptions

    options = parse_options(RenderOptions, argv, __doc__)
    show_messages()
    from teminal.dataset.render import render_dataset

    render_dataset(options)


if __name__ == "__main__":
    main()
