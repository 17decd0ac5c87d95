"""Find sounds of a built dataset that occur in two splits, and pairs of classes that training must not have."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from teminal.tables import Row


def leaked_sources(rows: list[Row]) -> Iterator[str]:
    """Yield clips, backgrounds among them, and credited people that occur in two splits."""
    where = defaultdict(set)
    for row in rows:
        clips = {sound["clip"] for sound in list_sounds(row)}
        for name in clips.union(filter(None, row["attribution"].split("; "))):
            where[name].add(row["split"])
    for name, splits in sorted(where.items()):
        if len(splits) > 1:
            yield f"leaked source: {name} is in {' and '.join(sorted(splits))}"


def unseen_in_training(rows: list[Row], unseen_pairs: list) -> Iterator[str]:
    """Yield training rows with a held-out pair of classes, and rows with a wrong `seen_pair`."""
    unseen = {tuple(pair) for pair in unseen_pairs}
    for row in rows:
        labels = sorted({event["label"] for event in row["events"]})
        has_unseen = bool(unseen.intersection(itertools.combinations(labels, 2)))
        heard = sorted({sound["label"] for sound in list_sounds(row)})
        if row["split"] == "train" and unseen.intersection(itertools.combinations(heard, 2)):
            yield f"held-out pair in training: {row['group_id']} has {' and '.join(heard)}"
        if len(labels) > 1 and row["seen_pair"] is not None and row["seen_pair"] == has_unseen:
            yield f"seen_pair is wrong: {row['group_id']} has {' and '.join(labels)}"


def list_sounds(row: Row) -> list[dict[str, Any]]:
    """List the events of a row, then its background if it has one."""
    return [*row["events"], row["background"]] if row["background"] else row["events"]
