"""Build a dataset from the clips of a source, and publish it if asked for."""

import logging
from functools import partial

from teminal.clips import Clip, hash_clips
from teminal.dataset.card import check_card
from teminal.dataset.config_folder import write_config
from teminal.dataset.options import ZSTE, BuildOptions
from teminal.dataset.publish import push_config
from teminal.dataset.report import command_line
from teminal.dataset.rows import group_rows
from teminal.dataset.shards import GroupRows, Plan
from teminal.hub import check_hub_access
from teminal.licenses import check_publishable
from teminal.sampling.groups import Mix, draw_group, draw_task6_group
from teminal.sampling.layouts import TASK6
from teminal.sampling.pools import Pool, make_pool
from teminal.sources import source_credits
from teminal.splits import split_clips, split_pairs

logger = logging.getLogger("teminal")


def build_dataset(options: BuildOptions, clips: list[Clip]) -> None:
    """Build one config from clips that are not decoded, and publish it with `--push_to_hub`.

    Raises:
        ValueError, OSError: the message names the flag or folder at fault.
    """
    clips, splits = split_clips(clips, options.validation_folds, options.test_folds)
    classes = sorted({clip.label for clip in clips if clip.label})
    if options.config == ZSTE:
        if "test" not in splits:
            raise ValueError(f"--config_name {ZSTE}: there are no clips for testing")
        clips = [clips[index] for index in splits["test"]]
        splits = {"test": list(range(len(clips)))}
        tested = {clip.label for clip in clips}
        if options.n_of_each_task6 and classes and len(tested) < 3:
            raise ValueError(
                f"--config_name {ZSTE}: clips for testing are of {len(tested)} classes, and a scene of ZSTE task 6D "
                "needs three; --n_task6_groups 0 leaves task 6 out"
            )
    terms = source_credits(str(options.source), clips)
    if options.push_to_hub:
        check_publishable(terms["license"], options.private, "--private")
    check_card(options.output_dir)
    if options.push_to_hub:
        check_hub_access("--hub_dataset_id", options.hub_dataset_id, "dataset", options.private)
    recipe = {
        **{name: getattr(options, name) for name in ("source", "seed", "n_groups")},
        **options.mix,
        "include_audio": options.includes_audio,
        "folds": {split: _folds(clips, indices) for split, indices in splits.items()},
        "clips": hash_clips(clips),
        "license": terms["license"],
        "attribution": terms["attribution"],
    }
    if options.config == ZSTE:
        recipe["n_task6_groups"] = options.n_of_each_task6
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
        mix=Mix(**options.mix),
        n_task6_groups=options.n_of_each_task6,
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


def plan_drawn(
    clips: list[Clip],
    classes: list[str],
    splits: dict[str, list[int]],
    skipped: dict[int, str],
    n_groups: int,
    config: str,
    seed: int,
    mix: Mix,
    n_task6_groups: int = 0,
) -> Plan:
    """Plan to draw groups for each split, in proportion to its number of clips that are not `skipped`.

    Args:
        n_groups: in all splits.
        classes: of all clips; they decide which pairs are held out.
        splits: split -> indices of its clips.
        skipped: index of each faulty clip -> reason.
        n_task6_groups: of each sub-task of ZSTE task 6, after the other groups of each split.
    """
    splits = {split: [index for index in indices if index not in skipped] for split, indices in splits.items()}
    n_clips = max(1, sum(map(len, splits.values())))
    plan: Plan = {}
    n_before = 0
    for split, indices in splits.items():
        first = round(n_groups * n_before / n_clips)
        n_before += len(indices)
        n_of_split = round(n_groups * n_before / n_clips) - first
        try:
            pool = make_pool(clips, indices, classes, split)
        except ValueError as error:
            logger.warning("no %s split: %s", split, error)
            continue
        if n_of_split:
            n_all = n_of_split + n_task6_groups * len(TASK6)
            plan[split] = n_all, partial(_draw, clips, pool, config, seed, mix, n_of_split)
        else:
            logger.warning("no %s split: too few groups for its share of the clips", split)
    if not plan:
        raise ValueError("there is nothing to compose: no split has two clips that may meet in a scene")
    return plan


def _draw(clips: list[Clip], pool: Pool, config: str, seed: int, mix: Mix, n_usual: int, number: int) -> GroupRows:
    """Draw group `number`: from `n_usual` on they are of ZSTE task 6."""
    if number < n_usual:
        group = draw_group(pool, config, seed, mix, number)
    else:
        group = draw_task6_group(pool, config, seed, mix, number - n_usual)
    return group, group_rows(group, clips)
