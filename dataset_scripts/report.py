"""The build report: what a built config holds, read back from its shards."""

import json
import logging
import platform
import re
import shlex
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import soundfile

from dataset_scripts.atomic import file_sha256, read_json, write_whole
from dataset_scripts.compose import SCENE_S
from dataset_scripts.find_audio import printable

logger = logging.getLogger("teminal")
REPORT = "build_report.json"


def split_report(shards: list[Path], pool: ProcessPoolExecutor) -> dict:
    """Rows, hours, class balance, and the hash of every shard of one split."""
    relations, labels, rows = Counter(), Counter(), []
    for shard in shards:
        table = pq.read_table(shard, columns=["relation", "events"])
        rows.append(len(table))
        relations.update(table["relation"].to_pylist())
        labels.update(event["label"] for events in table["events"].to_pylist() for event in events)
    hashes = pool.map(file_sha256, shards)
    return {
        "rows": sum(rows),
        "hours": round(sum(rows) * SCENE_S / 3600, 3),
        "relations": dict(sorted(relations.items())),
        "labels": dict(sorted(labels.items())),
        "shards": [
            {"file": shard.name, "rows": n_rows, "sha256": sha256}
            for shard, n_rows, sha256 in zip(shards, rows, hashes, strict=True)
        ],
    }


def skipped_by_reason(skipped: dict[str, str]) -> dict[str, list[str]]:
    """Clip -> reason turned into reason -> clips."""
    reasons = {}
    for name, reason in sorted(skipped.items()):
        reasons.setdefault(reason, []).append(name)
    return reasons


def versions() -> dict[str, str]:
    """What the bytes of a shard depend on besides the recipe and the clips."""
    packages = {name: version(name) for name in ("numpy", "scipy", "soundfile", "soxr", "pyarrow", "datasets")}
    return {"python": platform.python_version(), "libsndfile": soundfile.__libsndfile_version__, **packages}


def write_report(folder: Path, report: dict) -> None:
    write_whole(folder / REPORT, lambda file: file.write_text(json.dumps(report, indent=1) + "\n"))


def read_report(folder: Path) -> dict:
    """What [`write_report`] has written.

    Raises:
        ValueError, OSError: the report is missing or damaged.
    """
    if not (folder / REPORT).is_file():
        raise FileNotFoundError(f"{folder}: no {REPORT} in it, so the build is not finished; run it again")
    report = read_json(folder / REPORT)
    if not report or "splits" not in report:
        raise ValueError(f"{folder / REPORT}: damaged; build this config again, or get it again")
    return report


def summarise(report: dict, folder: Path) -> None:
    """Say what was built."""
    for reason, names in report["skipped"].items():
        logger.info("skipped %d clips, %s: %s%s", len(names), reason, ", ".join(names[:5]), " ..." * (len(names) > 5))
    for split, content in report["splits"].items():
        logger.info("%s: %d rows, %.1f hours", split, content["rows"], content["hours"])
    logger.info("built in %s, %.0f s", folder, report["wall_time_s"])


def command_line() -> str:
    """The command that runs, without the places of folders on this machine."""
    script = f"dataset_scripts/{Path(sys.argv[0]).name}"
    flags = [re.sub(r"(^|=)/.*/", r"\1", flag.rstrip("/")) for flag in sys.argv[1:]]
    return printable(shlex.join(["python", script, *flags]))
