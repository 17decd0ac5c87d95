"""Build a dataset of the clips of a source, and publish it where that is asked for."""

import logging
from functools import partial

from teminal.clips import Clip, digest
from teminal.dataset.card import check_card
from teminal.dataset.config_folder import write_config
from teminal.dataset.options import ZSTE, BuildOptions
from teminal.dataset.plan import plan_drawn
from teminal.dataset.publish import push_config
from teminal.dataset.report import command_line
from teminal.hub import check_hub_access
from teminal.licenses import check_publishable
from teminal.sampling.groups import Mix
from teminal.scenes import split_pairs
from teminal.sources import source_credits
from teminal.splits import split_clips

logger = logging.getLogger("teminal")


def build_dataset(options: BuildOptions, clips: list[Clip]) -> None:
    """Build one config, and publish it where that is asked for.

    Args:
        clips: of the source, not decoded.

    Raises:
        ValueError, OSError: naming the flag or folder at fault.
    """
    clips, splits = split_clips(clips, options.validation_folds, options.test_folds)
    classes = sorted({clip.label for clip in clips if clip.label})
    if options.config == ZSTE:
        if "test" not in splits:
            raise ValueError(f"--config_name {ZSTE}: there are no clips for testing")
        clips = [clips[index] for index in splits["test"]]
        splits = {"test": list(range(len(clips)))}
    terms = source_credits(str(options.source), clips)
    if options.push_to_hub:
        check_publishable(terms["license"], options.private, "--private")
    check_card(options.output_dir)
    if options.push_to_hub:
        check_hub_access("--hub_dataset_id", options.hub_dataset_id, "dataset", options.private)
    drawn = ("source", "seed", "n_groups", "three_event_share", "snr_db", "gap_s")
    recipe = {
        **{name: getattr(options, name) for name in drawn},
        "include_audio": options.includes_audio,
        "folds": {split: _folds(clips, indices) for split, indices in splits.items()},
        "clips": digest(clips),
        "license": terms["license"],
        "attribution": terms["attribution"],
    }
    about = {
        "config": options.config,
        "source": options.source,
        "command": command_line("build_dataset.py", options),
        **terms,
        "captioned": not classes,
        "unseen_pairs": split_pairs(classes)[1],
    }
    plan_groups = partial(
        plan_drawn,
        clips,
        classes,
        splits,
        n_groups=options.n_groups,
        config=options.config,
        seed=options.seed,
        mix=Mix(
            three_event_share=options.three_event_share,
            snr_db=(options.snr_db[0], options.snr_db[1]),
            gap_s=(options.gap_s[0], options.gap_s[1]),
        ),
    )
    report = write_config(
        options.output_dir / options.config,
        recipe=recipe,
        about=about,
        clips=clips,
        plan_groups=plan_groups,
        includes_audio=options.includes_audio,
        num_proc=options.num_proc,
    )
    if report and options.push_to_hub:
        logger.info("published: %s", push_config(options.output_dir, options.config, options.hub_dataset_id))


def _folds(clips: list[Clip], which: list[int]) -> list[int]:
    return sorted({fold for index in which if (fold := clips[index].fold) is not None})
