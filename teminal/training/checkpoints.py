"""Save and load checkpoints, and check the folder that a run writes to."""

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
RUN_FILES = ("README.md", "*.json", "*.safetensors", "*.png", "adapter", "after_*")
ROOT = Path(__file__).parents[2]
logger = logging.getLogger("teminal")


def run_identity(config: TrainingConfig, banks: dict[str, ClipBank | None], n_processes: int) -> dict:
    """Collect the settings and clips that a run must share with the checkpoint it resumes from."""
    clips = {f"{name} clips": bank.sha256 for name, bank in banks.items() if bank}
    return json.loads(json.dumps({**config.fixed_settings(), **clips, "number of processes": n_processes}))


def _hash_code() -> str:
    """Hash the code that training runs."""
    files = [file for folder in ("teminal", "modeling_teminal") for file in sorted((ROOT / folder).rglob("*.py"))]
    hashed = hashlib.sha256()
    for file in files:
        hashed.update(file.read_bytes())
    return hashed.hexdigest()[:16]


CODE_VERSION = _hash_code()  # at import: the files may change while a run lasts


def list_checkpoints(output_dir: Path) -> list[Path]:
    """List the checkpoints in a folder, oldest first."""
    found = [path for path in output_dir.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted(found, key=_global_step)


def save_checkpoint(
    output_dir: Path, progress: Progress, tensors: dict, identity: dict, save_total_limit: int
) -> Path:
    """Save `output_dir/checkpoint-<global step>`: write it to a hidden folder, then rename that.

    Those with a larger global step, which an earlier run wrote before it was resumed from an older checkpoint, are
    deleted first, the oldest beyond `save_total_limit` last; a kill in between leaves whole checkpoints alone.

    Args:
        tensors: anything that `torch.load(weights_only=True)` can load.
        identity: see [`run_identity`].

    Raises:
        OSError: it cannot be written; earlier checkpoints are unchanged.
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
        there = list_checkpoints(output_dir)
        for other in [path for path in there if _global_step(path) >= progress.global_step]:
            _delete(other)
        beside.rename(folder)
        to_disk(output_dir)
    except (OSError, RuntimeError) as error:  # torch raises RuntimeError when the disk is full
        shutil.rmtree(beside, ignore_errors=True)
        reason, cure = str(error).splitlines()[0], _suggest_checkpoint(list_checkpoints(output_dir))
        raise OSError(f"{folder} cannot be written ({reason}): free some space; {cure}") from error
    for other in list_checkpoints(output_dir)[:-save_total_limit]:
        _delete(other)
    return folder


def _global_step(folder: Path) -> int:
    return int(folder.name.split("-")[1])


def _delete(folder: Path) -> None:
    """Delete a checkpoint; its name goes first, so that a kill leaves nothing that looks like one."""
    hidden = folder.with_name(f".{folder.name}-deleted")
    shutil.rmtree(hidden, ignore_errors=True)
    folder.rename(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _suggest_checkpoint(others: list[Path]) -> str:
    return f"resume with --resume_from_checkpoint {others[-1]}" if others else "there is no other one to resume from"


def remove_unfinished(output_dir: Path) -> None:
    """Delete checkpoints that a killed run had not finished writing; no other run may be saving."""
    for beside in output_dir.glob(".checkpoint-*"):
        shutil.rmtree(beside, ignore_errors=True)


def find_checkpoint(output_dir: Path, resume_from_checkpoint: str | None) -> Path | None:
    """Find the checkpoint that `--resume_from_checkpoint` names; in a run's folder, take the newest.

    Returns:
        `None` without the option, and for "latest" when there is no checkpoint yet.

    Raises:
        ValueError: `output_dir` has checkpoints, and the option is not given.
        OSError: the folder does not exist.
    """
    there = list_checkpoints(output_dir)
    if resume_from_checkpoint is None:
        if there:
            raise ValueError(
                f"--output_dir {output_dir} holds checkpoints of an earlier run: resume with --resume_from_checkpoint "
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
    logger.info("resuming from %s", folder)
    return folder


def load_checkpoint(folder: Path, identity: dict) -> tuple[Progress, dict]:
    """Load the progress and tensors of a checkpoint.

    Raises:
        ValueError: it is damaged, or its run had another [`run_identity`].
    """
    flag = f"--resume_from_checkpoint {folder}"
    cure = _suggest_checkpoint([path for path in list_checkpoints(folder.parent) if path.name != folder.name])
    try:
        about = json.loads((folder / ABOUT).read_text())
        if about["sha256"] != file_sha256(folder / TENSORS):
            raise ValueError(f"{TENSORS} is truncated or damaged")
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{flag}: not a whole checkpoint ({error}); {cure}") from error
    saved = about["run"]
    changed = sorted(name for name in identity.keys() | saved.keys() if identity.get(name) != saved.get(name))
    if changed:
        raise ValueError(f"{flag}: made by a run with other {', '.join(changed)}; use the same, or start again")
    if about["code"] != CODE_VERSION:
        logger.warning("%s was made by other code: the run continues, but its numbers may differ", folder)
    return Progress(**about["progress"]), torch.load(folder / TENSORS, map_location="cpu", weights_only=True)


def check_output_dir(config: TrainingConfig, resumed: Path | None) -> None:
    """Check that a run would overwrite nothing in `--output_dir` but its own files.

    Args:
        resumed: checkpoint that the run continues from.

    Raises:
        ValueError: it would.
    """
    output_dir = Path(config.output_dir)
    own = {folder.resolve() for folder in (output_dir, *output_dir.glob("after_*"))}
    for name in ("model_name_or_path", "text_model_name_or_path"):
        base = getattr(config, name)
        if base and Path(base).is_dir() and Path(base).resolve() in own:
            raise ValueError(
                f"--output_dir {output_dir}: the run would overwrite --{name} {base}: name another folder"
            )
    if resumed and resumed.resolve().parent == output_dir.resolve():
        return
    found = sorted({path.name for pattern in RUN_FILES for path in output_dir.glob(pattern)})
    if found:
        shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise ValueError(
            f"--output_dir {output_dir} holds {shown}, which is not of this run and might be overwritten: name a new "
            "folder"
        )
