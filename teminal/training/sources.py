"""The sources of a run: for training, for evaluation, and to see what is kept; each with its own options."""

from teminal.clips import Clip
from teminal.sources import OPTIONS, load_clips, require_labels, taken_options
from teminal.training.config import TrainingConfig


def load_sources(recipe: TrainingConfig) -> dict[str, list[Clip]]:
    """Source -> all its clips, for training, evaluation and `--keep_source`; the first that takes an option gets it.

    Raises:
        ValueError, OSError: naming the option at fault.
    """
    flags = {recipe.source: "--source"}
    for flag in ("eval_source", "keep_source"):
        if source := getattr(recipe, flag):
            flags.setdefault(source, f"--{flag}")
    if recipe.keep_source == recipe.source:
        raise ValueError(f"--keep_source {recipe.source}: that is trained on; name what the model knew before")
    takers = {}
    for source, flag in flags.items():
        for name in taken_options(source, flag):
            takers.setdefault(name, source)
    loaded = {}
    for source, flag in flags.items():
        mine = {name: getattr(recipe, name) for name in OPTIONS if takers.get(name, source) == source}
        theirs = [name for name in taken_options(source) if name not in mine and getattr(recipe, name)]
        if theirs and not any(mine.values()):
            taker = takers[theirs[0]]
            raise ValueError(
                f"{flag} {source} would take --{theirs[0]}, which {flags[taker]} {taker} takes: name another"
            )
        loaded[source] = load_clips(source, flag=flag, **mine)
    if recipe.keep_source:
        require_labels(loaded[recipe.keep_source], f"--keep_source {recipe.keep_source}")
    return loaded
