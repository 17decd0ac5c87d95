"""Check a built dataset for leaks, wrong captions and shortcuts; exit with code 1 if there are any.

python dataset_scripts/check_dataset.py datasets/esc50
python dataset_scripts/check_dataset.py --source folder --audio_dir SOUNDS   (check clips before building)
"""

import sys

from teminal.cli import command, parse_options, show_messages


@command()
def main(argv: list[str] | None = None) -> None:
    from teminal.dataset.options import CheckOptions

    options = parse_options(CheckOptions, argv, __doc__, first=["path"])
    show_messages()
    clips = options.load() if options.source else []
    from teminal.dataset.checks import check_clips, check_dataset

    is_fine = check_dataset(options.path) if options.path else check_clips(clips)
    sys.exit(0 if is_fine else f"check_dataset.py: {options.path or options.source}: faulty")


if __name__ == "__main__":
    main()
