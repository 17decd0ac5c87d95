"""Plan a build: how many groups each split has, and how they come about."""

import logging
from collections.abc import Callable
from functools import partial

from teminal.clips import Clip
from teminal.dataset.rows import group_from_rows, group_rows, recipe_rows
from teminal.sampling.groups import Group, Mix, draw_group
from teminal.sampling.pools import CaptionedPool, LabelledPool
from teminal.scenes import VARIANTS

logger = logging.getLogger(__name__)

GroupRows = tuple[Group, list[dict]]
# split -> (number of groups, range of them -> each group with its rows)
Plan = dict[str, tuple[int, Callable[[range], list[GroupRows]]]]


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
    """Give each split groups by its share of the clips that are not skipped, drawn from those.

    Args:
        classes: of all clips; they decide which pairs are held out.
        splits: split -> indices of its clips.
        skipped: index -> reason of the clips that cannot be used.
        includes_audio: else rows are recipes.
    """
    splits = {split: [index for index in indices if index not in skipped] for split, indices in splits.items()}
    n_clips = max(1, sum(map(len, splits.values())))
    make_rows = partial(group_rows if includes_audio else recipe_rows, clips=clips)
    plan: Plan = {}
    n_before = 0
    for split, indices in splits.items():
        n_after = n_before + len(indices)
        n_of_split = round(n_groups * n_after / n_clips) - round(n_groups * n_before / n_clips)
        n_before = n_after
        try:
            is_captioned = bool(clips[0].captions)
            pool = (
                CaptionedPool(clips, indices, split) if is_captioned else LabelledPool(clips, indices, classes, split)
            )
        except ValueError as error:
            logger.warning("no %s split: %s", split, error)
            continue
        if n_of_split:
            plan[split] = n_of_split, partial(_draw, partial(draw_group, pool, config, seed, mix), make_rows)
        else:
            logger.warning("no %s split: too few groups for its share of the clips", split)
    if not plan:
        raise ValueError("there is nothing to compose: no split has two clips that may meet in a scene")
    return plan


def _draw(draw: Callable[[int], Group], make_rows: Callable[[Group], list[dict]], which: range) -> list[GroupRows]:
    groups = [draw(number) for number in which]
    return [(group, make_rows(group)) for group in groups]


def plan_recipes(rows: dict[str, list[dict]], clips: list[Clip], skipped: dict[int, str]) -> Plan:
    """Take the groups of recipe rows whose clips are all there, with rows that have no recipe any more."""
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


def _take(groups: list[list[dict]], clip_index: dict[str, int], which: range) -> list[GroupRows]:
    taken = []
    for rows in groups[which.start : which.stop]:
        without_recipe = [{name: value for name, value in row.items() if name != "render"} for row in rows]
        taken.append((group_from_rows(rows, clip_index), without_recipe))
    return taken
