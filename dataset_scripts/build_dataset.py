"""Build a Parquet dataset of temporal audio-caption pairs from clips; the same command continues a killed build.

python dataset_scripts/build_dataset.py --source esc50 --esc50_dir ESC-50 --output_dir datasets
python dataset_scripts/build_dataset.py --source audiocaps --captions_dir TABLES --output_dir datasets
torchrun --nproc_per_node 8 dataset_scripts/build_dataset.py ...   (each process writes its own shards)
"""

from teminal.cli import command, parse_options, show_messages


@command("run the same command again to continue")
def main(argv: list[str] | None = None) -> None:
    from teminal.dataset.options import BuildOptions

    options = parse_options(BuildOptions, argv, __doc__)
    show_messages()
    if options.dry_run:
        from teminal.dataset.publish import describe_push

        print(describe_push(options))
        return
    clips = options.load()
    from teminal.dataset.build import build_dataset

    build_dataset(options, clips)


if __name__ == "__main__":
    main()
