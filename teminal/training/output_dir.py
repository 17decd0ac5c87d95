"""Refuse an output folder in which a run would overwrite what is not its own."""

from pathlib import Path

from teminal.training.config import TrainingConfig

WRITTEN = ("README.md", "*.json", "*.safetensors", "*.png", "adapter", "after_*")  # at the ends of stages and run


def check_output_dir(recipe: TrainingConfig, resumed: Path | None) -> None:
    """Check that nothing in `--output_dir` would be overwritten, or taken for this run's.

    Args:
        resumed: the checkpoint that the run goes on from.

    Raises:
        ValueError: something would.
    """
    output_dir = Path(recipe.output_dir)
    own = {folder.resolve() for folder in (output_dir, *output_dir.glob("after_*"))}
    for name in ("model_name_or_path", "text_model_name_or_path"):
        base = getattr(recipe, name)
        if base and Path(base).is_dir() and Path(base).resolve() in own:
            raise ValueError(
                f"--output_dir {output_dir}: the run would overwrite --{name} {base}: name another folder"
            )
    if resumed and resumed.resolve().parent == output_dir.resolve():
        return
    found = sorted({path.name for pattern in WRITTEN for path in output_dir.glob(pattern)})
    if found:
        shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise ValueError(
            f"--output_dir {output_dir} holds {shown}, which is not of this run and might be overwritten: name a new "
            "folder"
        )
