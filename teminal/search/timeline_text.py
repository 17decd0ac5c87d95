"""Tell a timeline in a sentence, as a table, as a dictionary and as an Audacity label file."""

from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from tabulate import tabulate

from teminal.files import write_whole
from teminal.search.results import format_time
from teminal.search.timeline import Event, Timeline


def tell(timeline: Timeline) -> str:
    """Tell in a sentence what comes before what; "while": the two share more than half of the shorter one."""
    if not timeline.events:
        return f"None of these was heard: {', '.join(timeline.labels)}."
    parts = [f"First {_tell(timeline.events[0])}"]
    for before, event in pairwise(timeline.events):
        shared_s = min(before.end_s, event.end_s) - event.start_s
        shorter_s = min(before.end_s - before.start_s, event.end_s - event.start_s)
        parts.append(f"{'while' if shared_s > shorter_s / 2 else 'then'} {_tell(event)}")
    return f"{', '.join(parts)}."


def _tell(event: Event) -> str:
    return f"{event.label} ({format_time(event.start_s)} to {format_time(event.end_s)})"


def format_events(timeline: Timeline) -> str:
    """Make a table of the events, with times as minutes and seconds."""
    rows = [
        [event.label, format_time(event.start_s), format_time(event.end_s), event.score] for event in timeline.events
    ]
    return tabulate(
        rows, ["label", "start", "end", "score"], floatfmt=".1f", colalign=("left", "right", "right", "right")
    )


def to_dict(timeline: Timeline) -> dict[str, Any]:
    """Convert a timeline to what its JSON holds."""
    return {
        "file": timeline.file,
        "duration_s": timeline.duration_s,
        "labels": timeline.labels,
        "threshold": timeline.threshold,
        "sentence": tell(timeline),
        "events": [asdict(event) for event in timeline.events],
    }


def write_audacity(timeline: Timeline, file: Path) -> None:
    """Write a label file, which Audacity imports by File > Import > Labels."""
    lines = [f"{event.start_s:.6f}\t{event.end_s:.6f}\t{event.label}\n" for event in timeline.events]
    write_whole(file, lambda beside: beside.write_text("".join(lines), "utf-8"))
