"""What is to be built: how many composition groups each split has, and how they come about."""

import logging
from collections.abc import Callable

from teminal.clips import Clip
from teminal.dataset.rows import group_from_rows, group_rows, recipe_rows
from teminal.groups import Group, Mix, draw_group
from teminal.pools import CaptionedPool, LabelledPool
from teminal.scenes import VARIANTS

logger = logging.getLogger(__name__)

# split -> (number of groups, range of them -> each group with its rows)
Plan = dict[str, tuple[int, Callable[[range], list[tuple[Group, list[dict]]]]]]


def plan_drawn(
    clips: list[Clip],
    classes: list[str],
    splits: dict[str, list[int]],
    skipped: dict[int, str],
    includes_audio: bool,
    n_groups: int,
    config: str,
    seed: int,
    mix: Mix,
) -> Plan:
    """Groups for each split by its share of the clips that are not skipped, drawn from them; `classes` of all clips
    decide which pairs are held out."""
    splits = {split: [index for index in indices if index not in skipped] for split, indices in splits.items()}
    n_clips = max(1, sum(map(len, splits.values())))
    make_rows = group_rows if includes_audio else recipe_rows
    plan, n_before = {}, 0
    for split, indices in splits.items():
        first = round(n_groups * n_before / n_clips)
        n_before += len(indices)
        last = round(n_groups * n_before / n_clips)
        try:
            if clips[0].captions:
                pool = CaptionedPool(clips, indices, split)
            else:
                pool = LabelledPool(clips, indices, classes, split)
        except ValueError as error:
            logger.warning("no %s split: %s", split, error)
            continue

        def draw(which: range, drawn=(pool, config, split, seed, mix)):
            groups = [draw_group(*drawn, index) for index in which]
            return [(group, make_rows(group, clips)) for group in groups]

        if last > first:
            plan[split] = last - first, draw
        else:
            logger.warning("no %s split: too few groups for its share of the clips", split)
    if not plan:
        raise ValueError("there is nothing to compose: no split has two clips that may meet in a scene")
    return plan


def plan_recipes(rows: dict[str, list[dict]], clips: list[Clip], skipped: dict[int, str]) -> Plan:
    """The groups of recipe rows whose clips are all there, with rows that have no recipe any more."""
    index = {clip.name: i for i, clip in enumerate(clips) if i not in skipped}
    plan = {}
    for split, recipes in rows.items():
        groups = [recipes[start : start + len(VARIANTS)] for start in range(0, len(recipes), len(VARIANTS))]
        whole = [group for group in groups if all(name in index for name in group[0]["render"]["clips"])]

        def read(which: range, whole=whole):
            chosen = [whole[i] for i in which]
            return [(group_from_rows(group, index), [_without_recipe(row) for row in group]) for group in chosen]

        if whole:
            plan[split] = len(whole), read
    if not plan:
        raise ValueError("no composition has all its clips in --audio_dir")
    return plan


def _without_recipe(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "render"}
