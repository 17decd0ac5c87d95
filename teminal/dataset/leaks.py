"""Find sounds of a built dataset that occur in two splits, and pairs of classes that training must not have."""

import itertools
from collections import defaultdict
from collections.abc import Iterator

from teminal.scenes import VARIANTS
from teminal.tables import Row


def leaked_sources(rows: list[Row]) -> Iterator[str]:
    """Yield clips, backgrounds among them, and credited people that occur in two splits."""
    where = defaultdict(set)
    for row in rows:
        names = {event["clip"] for event in row["events"]} | set(filter(None, row["attribution"].split("; ")))
        for name in names.union(row["render"]["clips"] if "render" in row else ()):
            where[name].add(row["split"])
    for name, splits in sorted(where.items()):
        if len(splits) > 1:
            yield f"leaked source: {name} is in {' and '.join(sorted(splits))}"


def unseen_in_training(rows: list[Row], unseen_pairs: list) -> Iterator[str]:
    """Yield training rows with a held-out pair of classes, and rows with a wrong `seen_pair`."""
    unseen = {tuple(pair) for pair in unseen_pairs}
    backgrounds = background_labels(rows)
    for row in rows:
        labels = sorted({event["label"] for event in row["events"]})
        has_unseen = bool(unseen.intersection(itertools.combinations(labels, 2)))
        heard = sorted({*labels, backgrounds.get(row["group_id"], labels[0])})
        if row["split"] == "train" and unseen.intersection(itertools.combinations(heard, 2)):
            yield f"held-out pair in training: {row['group_id']} has {' and '.join(heard)}"
        if len(labels) > 1 and row["seen_pair"] is not None and row["seen_pair"] == has_unseen:
            yield f"seen_pair is wrong: {row['group_id']} has {' and '.join(labels)}"


def background_labels(rows: list[Row]) -> dict[str, str]:
    """Map groups to the label of their background, where the clips of the recipe, or else the credits, tell it.

    Both list the events in order, then the background, whose label is known if it is an event elsewhere.
    """
    labels_of = defaultdict(set)
    background_of = {}
    for row in (row for row in rows if row["variant"] == VARIANTS.index("forward")):
        names = row["render"]["clips"] if "render" in row else row["attribution"].split("; ")
        n_events = len(row["events"])
        if len(names) not in (n_events, n_events + 1):
            continue
        for name, event in zip(names[:n_events], row["events"], strict=True):
            labels_of[name].add(event["label"])
        if len(names) > n_events:
            background_of[row["group_id"]] = names[-1]
    return {group: min(labels_of[name]) for group, name in background_of.items() if len(labels_of[name]) == 1}
