"""Whose output folder it is: one run's at a time, and never over what is not its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from teminal.files import LOCK, locked, remove_leftovers
from teminal.training.checkpoints import remove_unfinished
from teminal.training.config import TrainingConfig

WRITTEN = ("README.md", "*.json", "*.safetensors", "*.png", "adapter", "after_*")  # at the ends of stages and run


def check_output_dir(recipe: TrainingConfig, resumed: Path | None) -> None:
    """Whether nothing in `--output_dir` would be overwritten, or taken for this run's.

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


@contextmanager
def claimed(output_dir: Path) -> Iterator[None]:
    """Make the folder and keep other runs out of it; what a killed run was in the middle of writing is deleted.

    A new folder in which nothing was left is deleted in the end.

    Raises:
        ValueError: another run is at work in the folder.
        OSError: it cannot be written.
    """
    is_new = not output_dir.exists()
    with ExitStack() as held:
        try:
            output_dir.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(output_dir, "run"))
        except OSError as error:
            raise OSError(f"--output_dir {output_dir}: cannot be written ({error.strerror}); name another") from error
        if is_new:
            held.callback(_remove_unused, output_dir)
        remove_unfinished(output_dir)
        remove_leftovers(output_dir)
        yield


def _remove_unused(output_dir: Path) -> None:
    """Delete an empty folder while its lock keeps others out; Windows deletes no lock that is held, and keeps both."""
    if output_dir.is_dir() and {path.name for path in output_dir.iterdir()} <= {LOCK}:
        with suppress(OSError):
            (output_dir / LOCK).unlink(missing_ok=True)
            output_dir.rmdir()
