"""Under which terms clips are used, and whom to credit for them."""

from types import ModuleType

from dataset_scripts.clips import Clip
from dataset_scripts.rows import strictest


def credits_of(source: ModuleType, clips: list[Clip]) -> dict[str, str]:
    """`license` that all of these clips allow, and `attribution`: the source's, or else that of every clip.

    Args:
        source: module of `dataset_scripts.sources`.
        clips: of the source, at least one.
    """
    credited = dict.fromkeys(clip.attribution for clip in clips if clip.attribution)
    return {
        "license": strictest(clip.license for clip in clips),
        "attribution": source.ATTRIBUTION or "; ".join(credited),
    }
