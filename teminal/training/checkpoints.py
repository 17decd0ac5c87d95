"""Checkpoints that are whole or not there, and that go on to the bit."""

import hashlib
import json
import logging
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from teminal.clips import ClipBank
from teminal.files import file_sha256, to_disk
from teminal.training.config import TrainingConfig
from teminal.training.progress import Progress

TENSORS, ABOUT = "state.pt", "checkpoint.json"
ROOT = Path(__file__).parents[2]
logger = logging.getLogger("teminal")


def run_identity(config: TrainingConfig, banks: dict[str, ClipBank | None], n_processes: int) -> dict:
    """Describe what a checkpoint belongs to: a run with anything else cannot go on from it."""
    clips = {f"{name} clips": bank.sha256 for name, bank in banks.items() if bank}
    return json.loads(json.dumps({**config.fixed_settings(), **clips, "number of processes": n_processes}))


def _hash_code() -> str:
    """Hash the code that decides the course of a training."""
    files = [file for folder in ("teminal", "modeling_teminal") for file in sorted((ROOT / folder).rglob("*.py"))]
    hashed = hashlib.sha256()
    for file in [ROOT / "train_accelerate.py", *files]:
        hashed.update(file.read_bytes())
    return hashed.hexdigest()[:16]


CODE_VERSION = _hash_code()  # of the code that runs, whatever becomes of its files


def list_checkpoints(output_dir: Path) -> list[Path]:
    """List the checkpoints in a folder, oldest first."""
    found = [path for path in output_dir.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted(found, key=lambda path: int(path.name.split("-")[1]))


def save_checkpoint(
    output_dir: Path, progress: Progress, tensors: dict, identity: dict, save_total_limit: int
) -> Path:
    """Write `output_dir/checkpoint-<global step>` beside, rename it, then drop the oldest beyond the limit.

    Later ones, of a course that was given up by going on from an earlier checkpoint, are dropped too.

    Args:
        tensors: all that `torch.load(weights_only=True)` takes.
        identity: of the run, see [`run_identity`].

    Raises:
        OSError: it cannot be written; earlier checkpoints are as they were.
    """
    folder = output_dir / f"checkpoint-{progress.global_step}"
    beside = folder.with_name(f".{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        torch.save(tensors, beside / TENSORS)
        about = {"run": identity, "code": CODE_VERSION, "sha256": file_sha256(beside / TENSORS)}
        (beside / ABOUT).write_text(json.dumps({**about, "progress": asdict(progress)}))
        for path in (beside / TENSORS, beside / ABOUT, beside):
            to_disk(path)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
        to_disk(output_dir)
    except (OSError, RuntimeError) as error:  # torch says RuntimeError of a full disk
        shutil.rmtree(beside, ignore_errors=True)
        reason, cure = str(error).splitlines()[0], _how_to_go_on(list_checkpoints(output_dir))
        raise OSError(f"{folder} cannot be written ({reason}): free some space; {cure}") from error
    there = list_checkpoints(output_dir)
    end = there.index(folder) + 1
    for other in there[end:] + there[: max(0, end - save_total_limit)]:
        shutil.rmtree(other)
    return folder


def _how_to_go_on(others: list[Path]) -> str:
    return f"go on with --resume_from_checkpoint {others[-1]}" if others else "there is no other one to go on from"


def remove_unfinished(output_dir: Path) -> None:
    """Delete what a run that was killed while it saved has left; no other run may be saving."""
    for beside in output_dir.glob(".checkpoint-*"):
        shutil.rmtree(beside, ignore_errors=True)


def find_checkpoint(output_dir: Path, resume_from_checkpoint: str | None) -> Path | None:
    """Find the folder that `--resume_from_checkpoint` means; `None` without it, or where "latest" finds none yet.

    Of a run's folder, that is its newest checkpoint.

    Raises:
        ValueError: there are checkpoints, and nothing is said of going on.
        OSError: no such folder.
    """
    there = list_checkpoints(output_dir)
    if resume_from_checkpoint is None:
        if there:
            raise ValueError(
                f"--output_dir {output_dir} holds checkpoints of an earlier run: go on with --resume_from_checkpoint "
                "latest, or give another folder"
            )
        return None
    if resume_from_checkpoint == "latest":
        if not there:
            logger.info("no checkpoint in %s yet: the run starts", output_dir)
            return None
        folder = there[-1]
    else:
        folder = Path(resume_from_checkpoint)
        if not folder.is_dir():
            raise FileNotFoundError(f"--resume_from_checkpoint {folder}: no such folder; it takes one, or `latest`")
        if not (folder / ABOUT).is_file() and (within := list_checkpoints(folder)):
            folder = within[-1]
    logger.info("going on from %s", folder)
    return folder


def load_checkpoint(folder: Path, identity: dict) -> tuple[Progress, dict]:
    """Load progress and tensors of a checkpoint that belongs to the run of this [`run_identity`].

    Raises:
        ValueError: it is damaged, or of another run.
    """
    flag = f"--resume_from_checkpoint {folder}"
    cure = _how_to_go_on([path for path in list_checkpoints(folder.parent) if path.name != folder.name])
    try:
        about = json.loads((folder / ABOUT).read_text())
        is_whole = about["sha256"] == file_sha256(folder / TENSORS)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{flag}: not a whole checkpoint ({error}); {cure}") from error
    if not is_whole:
        raise ValueError(f"{flag}: {TENSORS} is truncated or damaged; {cure}")
    saved = about["run"]
    changed = sorted(name for name in identity.keys() | saved.keys() if identity.get(name) != saved.get(name))
    if changed:
        raise ValueError(f"{flag}: made by a run with other {', '.join(changed)}; use the same, or start again")
    if about["code"] != CODE_VERSION:
        logger.warning("%s was made by other code: the run goes on, but not to the bit", folder)
    return Progress(**about["progress"]), torch.load(folder / TENSORS, map_location="cpu", weights_only=True)
