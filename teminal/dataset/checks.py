"""Check a built dataset, or the clips of a source; each check yields a line for every problem."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from teminal.captions import HELD_OUT, TRAINING, TRAINING_THEN, say
from teminal.clip_report import describe_clips, find_problems, inspect_clips
from teminal.clips import Clip
from teminal.dataset.report import read_report, shard_hashes
from teminal.dataset.rows import read_rows
from teminal.files import file_sha256
from teminal.natural_captions import NATURAL_THEN, NATURAL_TRAINING, say_naturally
from teminal.scenes import VARIANTS, Caption, Scene, holds
from teminal.tables import Row

SHALLOW = ("duration_s", "level_db", "peak_db", "silent_share")  # features that must not predict the relation
SIGMAS = 4.0  # standard deviations by which a classifier on them may beat chance
MIN_GROUPS = 10
# wordings that earlier versions joined people's captions with
FORMER = {"before": ["Before {1}, {0}."], "after": ["After {1}, {0}."], "while": ["{0}, and at the same time {1}."]}
SHOWN = 5  # problems printed for each check


def check_dataset(folder: Path) -> bool:
    """Check a built config, print the problems of each check, and return whether there are none.

    Raises:
        ValueError, OSError: the folder is not a built config, or a shard cannot be read.
    """
    rows = read_rows(folder)
    report = read_report(folder)
    found = {"shards": list(changed_shards(folder, report)), **find_faults(rows, report["unseen_pairs"])}
    for name, lines in found.items():
        print(f"{name}: {f'{len(lines)} problems' if lines else 'fine'}")
        print("".join(f"  {line}\n" for line in lines[:SHOWN]), end="")
    if "variants" not in found:
        print("variants: not checked, there is no audio")
    if "relation" not in found:
        print(f"relation: not checked, there is no audio, or fewer than {MIN_GROUPS} groups")
    return not any(found.values())


def check_clips(clips: list[Clip]) -> bool:
    """Print a description of clips and their problems, and return whether there are none."""
    found = inspect_clips([clip for clip in clips if clip.audio])
    print("\n".join(describe_clips(found)))
    problems = list(find_problems(found))
    print("\n".join([f"problems: {len(problems)}", *(f"  {line}" for line in problems)]) if problems else "fine")
    return not problems


def find_faults(rows: list[Row], unseen_pairs: list) -> dict[str, list[str]]:
    """Run all checks that the rows allow: name of the check -> problems."""
    found = {
        "sources": leaked_sources(rows),
        "held-out pairs": unseen_in_training(rows, unseen_pairs),
        "captions": wrong_captions(rows),
        "groups": broken_groups(rows),
        "duplicates": duplicate_rows(rows),
    }
    if "duration_s" in rows[0]:
        found["variants"] = unequal_variants(rows)
        if len({row["group_id"] for row in rows}) >= MIN_GROUPS:
            found["relation"] = relation_tells(rows)
    return {name: list(lines) for name, lines in found.items()}


def changed_shards(folder: Path, report: dict[str, Any]) -> Iterator[str]:
    """Yield shards that differ from the report."""
    expected = shard_hashes(report)
    found = {path.name: file_sha256(path) for path in folder.glob("*.parquet")}
    for name in sorted(expected | found):
        if expected.get(name) != found.get(name):
            how = "missing" if name not in found else "not in the report" if name not in expected else "changed"
            yield f"shard {how}: {name}"


def leaked_sources(rows: list[Row]) -> Iterator[str]:
    """Yield clips and credited people that occur in two splits."""
    where = defaultdict(set)
    for row in rows:
        for name in {event["clip"] for event in row["events"]} | set(filter(None, row["attribution"].split("; "))):
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
        if row["split"] == "train" and has_unseen:
            yield f"held-out pair in training: {row['group_id']} has {' and '.join(labels)}"
        if len(labels) > 1 and row["seen_pair"] is not None and row["seen_pair"] == has_unseen:
            yield f"seen_pair is wrong: {row['group_id']} has {' and '.join(labels)}"


def wrong_captions(rows: list[Row]) -> Iterator[str]:
    """Yield captions that no template of their relation gives for a true statement about the events."""
    for row in rows:
        if row["caption"] not in true_wordings(row):
            yield f"wrong caption: {row['group_id']} {VARIANTS[row['variant']]}: {row['caption']!r}"


def true_wordings(row: Row) -> set[str]:
    """List all texts of captions of the row's relation that are true of its events."""
    events = sorted(row["events"], key=lambda event: event["onset_s"])
    labels = tuple(event["label"] for event in events)
    try:
        scene = Scene({0: "single", 3: "overlay"}.get(row["variant"], "sequence"), labels)
    except ValueError:
        return set()
    relation, wordings = row["relation"], set()
    if relation == "then":
        templates, natural = TRAINING_THEN.get(len(labels), []), NATURAL_THEN.get(len(labels), [])
    else:
        templates = [*TRAINING.get(relation, []), *HELD_OUT.get(relation, [])]
        natural = [*NATURAL_TRAINING.get(relation, []), *FORMER.get(relation, [])]
    n_labels = {"single": 1, "then": len(labels)}.get(relation, 2)
    for said in itertools.permutations(labels, n_labels):
        caption = Caption(relation, said)
        if holds(caption, scene):
            wordings.add(say(caption))
            wordings.update(say(caption, template) for template in templates)
            wordings.update(say_naturally(relation, said, template) for template in natural)
    return wordings


def broken_groups(rows: list[Row]) -> Iterator[str]:
    """Yield groups that lack or repeat a variant, or that are in several splits."""
    for group, members in _by_group(rows).items():
        variants, splits = sorted(row["variant"] for row in members), sorted({row["split"] for row in members})
        if variants != list(range(len(VARIANTS))):
            yield f"broken group: {group} has the variants {variants}"
        elif len(splits) > 1:
            yield f"broken group: {group} is in {' and '.join(splits)}"


def _by_group(rows: list[Row]) -> dict[str, list[Row]]:
    groups = defaultdict(list)
    for row in rows:
        groups[row["group_id"]].append(row)
    return groups


def duplicate_rows(rows: list[Row]) -> Iterator[str]:
    """Yield rows with the audio of another row; without audio, those with the same composition and caption."""
    seen: dict[Any, str] = {}
    for row in rows:
        key = row.get("audio_sha256") or (repr(row["render"]), row["variant"], row["caption"])
        if key in seen:
            yield f"duplicate rows: {row['group_id']} {VARIANTS[row['variant']]} has the audio of {seen[key]}"
        seen[key] = f"{row['group_id']} {VARIANTS[row['variant']]}"


def unequal_variants(rows: list[Row]) -> Iterator[str]:
    """Yield groups in which duration or level differs."""
    for group, members in _by_group(rows).items():
        for tell, feature, tolerance in (("duration", "duration_s", 0.0), ("level", "level_db", 0.05)):
            values = [row[feature] for row in members]
            if max(values) - min(values) > tolerance:
                yield f"{tell} tell: {group} has {feature} from {min(values):.2f} to {max(values):.2f}"


def relation_tells(rows: list[Row]) -> Iterator[str]:
    """Yield shallow features from which a cross-validated logistic regression predicts the variant."""
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
