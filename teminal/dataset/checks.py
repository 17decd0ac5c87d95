"""What a built dataset must keep to: each check yields what is wrong, one line each."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from teminal.captions import DEFAULT, HELD_OUT, NATURAL_TRAINING, TRAINING, TRAINING_THEN, say, say_naturally
from teminal.scenes import VARIANTS, Caption, Scene, holds

SHALLOW = ("duration_s", "level_db", "peak_db", "silent_share")  # features that must not tell the relation
SIGMAS = 4.0  # by which a classifier on them may beat chance


def shallow_features(waveform: np.ndarray, sampling_rate: int) -> dict[str, float]:
    """Duration, RMS and peak in dB of full scale to a thousandth, and the share of 20 ms frames under -60 dB."""
    size = sampling_rate // 50
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    return {
        "duration_s": len(waveform) / sampling_rate,
        "level_db": round(20 * np.log10(level + 1e-9), 3),
        "peak_db": round(20 * np.log10(np.abs(waveform).max() + 1e-9), 3),
        "silent_share": float((np.sqrt(np.mean(frames**2, axis=1)) < 1e-3).mean()),
    }


def leaked_sources(rows: list[dict]) -> Iterator[str]:
    """A clip, or whom it is credited to, that occurs in two splits."""
    where = defaultdict(set)
    for row in rows:
        for name in {event["clip"] for event in row["events"]} | set(filter(None, row["attribution"].split("; "))):
            where[name].add(row["split"])
    for name, splits in sorted(where.items()):
        if len(splits) > 1:
            yield f"leaked source: {name} is in {' and '.join(sorted(splits))}"


def unseen_in_training(rows: list[dict], unseen_pairs: list) -> Iterator[str]:
    """A held-out pair of classes in training, or `seen_pair` that says otherwise of a scene of two or more."""
    unseen = {tuple(pair) for pair in unseen_pairs}
    for row in rows:
        labels = sorted({event["label"] for event in row["events"]})
        has_unseen = bool(unseen.intersection(itertools.combinations(labels, 2)))
        if row["split"] == "train" and has_unseen:
            yield f"held-out pair in training: {row['group_id']} has {' and '.join(labels)}"
        if len(labels) > 1 and row["seen_pair"] is not None and row["seen_pair"] == has_unseen:
            yield f"seen_pair is wrong: {row['group_id']} has {' and '.join(labels)}"


def wrong_captions(rows: list[dict]) -> Iterator[str]:
    """A caption that is no wording of a statement of its relation that is true of the events."""
    for row in rows:
        if row["caption"] not in true_wordings(row):
            yield f"wrong caption: {row['group_id']} {VARIANTS[row['variant']]}: {row['caption']!r}"


def true_wordings(row: dict) -> set[str]:
    events = sorted(row["events"], key=lambda event: event["onset_s"])
    labels = tuple(event["label"] for event in events)
    try:
        scene = Scene({0: "single", 3: "overlay"}.get(row["variant"], "sequence"), labels)
    except ValueError:
        return set()
    relation, wordings = row["relation"], set()
    templates = {**{name: [template] for name, template in DEFAULT.items()}, "then": []}
    for more in (TRAINING, HELD_OUT, {"then": TRAINING_THEN}):
        templates = {name: [*known, *more.get(name, [])] for name, known in templates.items()}
    n_labels = {"single": 1, "then": len(labels)}.get(relation, 2)
    for said in itertools.permutations(labels, n_labels):
        caption = Caption(relation, said)
        if holds(caption, scene):
            wordings.add(say(caption))
            wordings.update(say(caption, template) for template in templates[relation])
            wordings.update(say_naturally(relation, said, template) for template in NATURAL_TRAINING.get(relation, []))
    return wordings


def broken_groups(rows: list[dict]) -> Iterator[str]:
    """A group whose variants are not all there once, or not all in one split."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["group_id"]].append((row["variant"], row["split"]))
    for group, found in groups.items():
        if sorted(variant for variant, _ in found) != list(range(len(VARIANTS))):
            yield f"broken group: {group} has the variants {sorted(variant for variant, _ in found)}"
        elif len({split for _, split in found}) > 1:
            yield f"broken group: {group} is in {' and '.join(sorted({split for _, split in found}))}"


def duplicate_rows(rows: list[dict]) -> Iterator[str]:
    """The same audio twice; in recipes, the same way to compose the same caption."""
    seen = {}
    for row in rows:
        key = row.get("audio_sha256") or (repr(row["render"]), row["variant"], row["caption"])
        if key in seen:
            yield f"duplicate rows: {row['group_id']} {VARIANTS[row['variant']]} has the audio of {seen[key]}"
        seen[key] = f"{row['group_id']} {VARIANTS[row['variant']]}"


def unequal_variants(rows: list[dict]) -> Iterator[str]:
    """Duration or level that differs within a group."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["group_id"]].append(row)
    for group, variants in groups.items():
        for feature, tolerance in (("duration_s", 0.0), ("level_db", 0.05)):
            values = [row[feature] for row in variants]
            if max(values) - min(values) > tolerance:
                tell = {"duration_s": "duration", "level_db": "level"}[feature]
                yield f"{tell} tell: {group} has {feature} from {min(values):.2f} to {max(values):.2f}"


def relation_tells(rows: list[dict]) -> Iterator[str]:
    """Shallow features from which a logistic regression tells forward, reversed and overlay apart, held-out."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = [row for row in rows if row["variant"] > 0]
    relation, groups = [row["variant"] for row in rows], [row["group_id"] for row in rows]
    most_common = Counter(relation).most_common(1)[0][1] / len(rows)
    chance_sd = (most_common * (1 - most_common) / len(rows)) ** 0.5
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    for features in (*((name,) for name in SHALLOW), SHALLOW):
        values = [[row[name] for name in features] for row in rows]
        accuracy = cross_val_score(classifier, values, relation, groups=groups, cv=GroupKFold(5)).mean()
        if accuracy > most_common + SIGMAS * chance_sd:
            yield f"{' and '.join(features)} tell the relation: {accuracy:.1%} right, chance is {most_common:.1%}"
