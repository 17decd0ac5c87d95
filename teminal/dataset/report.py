"""Make, read and log the report of a built config."""

import logging
import platform
import shlex
import statistics
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import MISSING, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import soundfile

from teminal.audio import printable
from teminal.dataset.options import REPORT
from teminal.files import file_sha256, hide_paths, read_json
from teminal.sampling.groups import Group
from teminal.sampling.layouts import layout_kind
from teminal.scenes import VARIANTS, Composition

PICTURE = "group.png"
logger = logging.getLogger("teminal")


def report_split(shards: list[Path], groups: Iterable[Group], pool: Executor) -> dict[str, Any]:
    """Count rows, hours, relations, labels and layouts of a split, and hash its shards."""
    relations: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for shard in shards:
        table = pq.read_table(shard, columns=["relation", "events"])
        relations.update(table["relation"].to_pylist())
        labels.update(event["label"] for events in table["events"].to_pylist() for event in events)
    compositions = [group.composition for group in groups]
    return {
        "rows": sum(relations.values()),
        "hours": round(len(VARIANTS) * sum(one.layout.duration_s for one in compositions) / 3600, 3),
        "relations": dict(sorted(relations.items())),
        "labels": dict(sorted(labels.items())),
        "layouts": report_layouts(compositions),
        "shards": list(pool.map(report_shard, shards)),
    }


def report_layouts(compositions: list[Composition]) -> dict[str, Any]:
    """Count groups by number of events, by how their events follow each other, and those over a background."""
    durations_s = [one.layout.duration_s for one in compositions]
    return {
        "groups": len(compositions),
        "events": dict(sorted(Counter(str(len(one.clips)) for one in compositions).items())),
        "kinds": dict(sorted(Counter(layout_kind(one.layout) for one in compositions).items())),
        "background": sum(bool(one.background) for one in compositions),
        "duration_s": [min(durations_s), statistics.median(durations_s), max(durations_s)],
    }


def report_shard(shard: Path) -> dict[str, Any]:
    """Measure and hash a shard; `num_bytes` is its size in memory, as in `datasets`."""
    file = pq.ParquetFile(shard)
    return {
        "file": shard.name,
        "rows": file.metadata.num_rows,
        "bytes": shard.stat().st_size,
        "num_bytes": sum(file.read_row_group(number).nbytes for number in range(file.num_row_groups)),
        "sha256": file_sha256(shard),
    }


def skipped_by_reason(skipped: dict[str, str]) -> dict[str, list[str]]:
    """Turn clip -> reason into reason -> clips."""
    reasons: dict[str, list[str]] = {}
    for name, reason in sorted(skipped.items()):
        reasons.setdefault(reason, []).append(name)
    return reasons


def versions() -> dict[str, str]:
    """List the versions of Python and the libraries that the bytes of a shard depend on."""
    packages = {name: version(name) for name in ("numpy", "scipy", "soundfile", "soxr", "pyarrow", "datasets")}
    return {"python": platform.python_version(), "libsndfile": soundfile.__libsndfile_version__, **packages}


def read_report(folder: Path) -> dict[str, Any]:
    """Read the report of a finished build.

    Raises:
        ValueError, OSError: it is missing or damaged.
    """
    if not (folder / REPORT).is_file():
        raise FileNotFoundError(
            f"{folder}: no {REPORT} in it, so nothing is built here, or not to its end; run the build again"
        )
    report = read_json(folder / REPORT)
    if not report or "splits" not in report:
        raise ValueError(f"{folder / REPORT}: damaged; build this config again, or get it again")
    return report


def shard_hashes(report: dict[str, Any]) -> dict[str, str]:
    """Map the names of all shards in a report to their SHA-256."""
    return {shard["file"]: shard["sha256"] for split in report.get("splits", {}).values() for shard in split["shards"]}


def log_report(report: dict[str, Any], folder: Path) -> None:
    """Log the size of each split, and the clips that were skipped."""
    for reason, names in report["skipped"].items():
        logger.info("skipped %d clips, %s: %s%s", len(names), reason, ", ".join(names[:5]), " ..." * (len(names) > 5))
    for split, content in report["splits"].items():
        logger.info("%s: %d rows, %.1f hours", split, content["rows"], content["hours"])
    logger.info("built in %s, %.0f s", folder, report["wall_time_s"])


def command_line(script: str, options: Any) -> str:
    """Write the command line of these options, with paths reduced to their last part."""
    words = ["python", f"dataset_scripts/{script}"]
    for field in fields(options):
        value = getattr(options, field.name)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        if value is not None and value != default:
            values = value if isinstance(value, list) else [value] * (value is not True)
            words += [f"--{field.name}", *(hide_paths(str(one), field.name) for one in values)]
    return printable(shlex.join(words))
