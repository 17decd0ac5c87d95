"""The build report: what a built config holds, read back from its shards."""

import logging
import platform
import shlex
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import soundfile

from teminal.audio import printable
from teminal.files import file_sha256, option_value, read_json, write_json
from teminal.rendering import SCENE_S

logger = logging.getLogger("teminal")
REPORT = "build_report.json"


def split_report(shards: list[Path], pool: ProcessPoolExecutor) -> dict:
    """Rows, hours, size, class balance, and the hash of every shard of one split."""
    relations, labels = Counter(), Counter()
    for shard in shards:
        table = pq.read_table(shard, columns=["relation", "events"])
        relations.update(table["relation"].to_pylist())
        labels.update(event["label"] for events in table["events"].to_pylist() for event in events)
    facts = list(pool.map(shard_facts, shards))
    n_rows = sum(shard["rows"] for shard in facts)
    return {
        "rows": n_rows,
        "hours": round(n_rows * SCENE_S / 3600, 3),
        "relations": dict(sorted(relations.items())),
        "labels": dict(sorted(labels.items())),
        "shards": facts,
    }


def shard_facts(shard: Path) -> dict:
    """What the report says of a shard; `num_bytes` is its size in memory, as `datasets` counts it."""
    file = pq.ParquetFile(shard)
    return {
        "file": shard.name,
        "rows": file.metadata.num_rows,
        "bytes": shard.stat().st_size,
        "num_bytes": sum(file.read_row_group(number).nbytes for number in range(file.num_row_groups)),
        "sha256": file_sha256(shard),
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
    write_json(folder / REPORT, report)


def read_report(folder: Path) -> dict:
    """What [`write_report`] has written.

    Raises:
        ValueError, OSError: the report is missing or damaged.
    """
    if not (folder / REPORT).is_file():
        raise FileNotFoundError(
            f"{folder}: no {REPORT} in it, so nothing is built here, or not to its end; run the build again"
        )
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
    """The command that runs, without the places of folders and files on this machine."""
    words, flag = [], ""
    for word in sys.argv[1:]:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            words.append(flag + equals + option_value(flag.removeprefix("--"), value))
        else:
            words.append(option_value(flag.removeprefix("--"), word))
    return printable(shlex.join(["python", f"dataset_scripts/{Path(sys.argv[0]).name}", *words]))
