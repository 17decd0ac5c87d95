"""Plan a build: how many groups each split has, and how they come about."""

import logging
from collections.abc import Callable
from functools import partial

from teminal.clips import Clip
from teminal.dataset.rows import group_from_rows, group_rows
from teminal.sampling.groups import Group, Mix, draw_group
from teminal.sampling.pools import Pool, make_pool
from teminal.scenes import VARIANTS

logger = logging.getLogger(__name__)

GroupRows = tuple[Group, list[dict]]
Plan = dict[str, tuple[int, Callable[[int], GroupRows]]]  # split -> number of groups, group number -> it and its rows


def plan_drawn(
    clips: list[Clip],
    classes: list[str],
    splits: dict[str, list[int]],
    skipped: dict[int, str],
    n_groups: int,
    config: str,
    seed: int,
    mix: Mix,
) -> Plan:
    """Give each split groups by its share of the clips that are not `skipped`, drawn from those.

    `classes` are those of all clips, which decide which pairs are held out.
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
            plan[split] = n_of_split, partial(_draw, clips, pool, config, seed, mix)
        else:
            logger.warning("no %s split: too few groups for its share of the clips", split)
    if not plan:
        raise ValueError("there is nothing to compose: no split has two clips that may meet in a scene")
    return plan


def _draw(clips: list[Clip], pool: Pool, config: str, seed: int, mix: Mix, number: int) -> GroupRows:
    group = draw_group(pool, config, seed, mix, number)
    return group, group_rows(group, clips)


def plan_recipes(rows: dict[str, list[dict]], clips: list[Clip], skipped: dict[int, str]) -> Plan:
    """Take the groups of recipe rows whose clips are all there."""
    clip_index = {clip.name: i for i, clip in enumerate(clips) if i not in skipped}
    plan: Plan = {}
    for split, recipes in rows.items():
        groups = [recipes[start : start + len(VARIANTS)] for start in range(0, len(recipes), len(VARIANTS))]
        whole = [group for group in groups if all(name in clip_index for name in group[0]["render"]["clips"])]
        if whole:
            plan[split] = len(whole), partial(_take, whole, clip_index)
    if not plan:
        raise ValueError("no composition has all its clips in --audio_dir")
    return plan


def _take(groups: list[list[dict]], clip_index: dict[str, int], number: int) -> GroupRows:
    return group_from_rows(groups[number], clip_index), groups[number]
