"""Check a built dataset, or the clips of a source; each check yields a line for every problem."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from teminal.captions import TRAINING, TRAINING_THEN, say
from teminal.clip_report import describe_clips, find_problems, inspect_clips
from teminal.clips import Clip
from teminal.dataset.leaks import leaked_sources, unseen_in_training
from teminal.dataset.report import read_report, shard_hashes
from teminal.dataset.rows import read_rows
from teminal.dataset.tells import MIN_GROUPS, by_group, relation_tells, unequal_variants
from teminal.files import file_sha256
from teminal.natural_captions import NATURAL_THEN, NATURAL_TRAINING, say_naturally
from teminal.scenes import VARIANTS, Caption, Scene, holds
from teminal.tables import Row

# wordings that earlier versions joined people's captions with
FORMER = {"before": ["Before {1}, {0}."], "after": ["After {1}, {0}."], "while": ["{0}, and at the same time {1}."]}
SHOWN = 5  # problems printed for each check
TIME_TOLERANCE_S = 1e-3


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
        "times": misplaced_events(rows),
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
        templates = TRAINING.get(relation, [])
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
    for group, members in by_group(rows).items():
        variants, splits = sorted(row["variant"] for row in members), sorted({row["split"] for row in members})
        if variants != list(range(len(VARIANTS))):
            yield f"broken group: {group} has the variants {variants}"
        elif len(splits) > 1:
            yield f"broken group: {group} is in {' and '.join(splits)}"


def misplaced_events(rows: list[Row]) -> Iterator[str]:
    """Yield events outside their clip, and groups whose variants do not share their slots."""
    for row in rows:
        duration_s = row["duration_s"] if "duration_s" in row else row["render"]["duration_s"]
        for onset_s, length_s in times_of(row):
            if not 0 <= onset_s < onset_s + length_s <= duration_s + TIME_TOLERANCE_S:
                where = f"{row['group_id']} {VARIANTS[row['variant']]}, {duration_s:.2f} s"
                yield f"event outside the clip: {where}: from {onset_s:.2f} to {onset_s + length_s:.2f} s"
    for group, members in by_group(rows).items():
        times = {VARIANTS[row["variant"]]: times_of(row) for row in members}
        if "forward" not in times:
            continue
        forward = np.array(times["forward"])
        throughout = [[forward[0, 0], forward.sum(axis=1).max() - forward[0, 0]]]
        expected = {"single": throughout, "reversed": forward, "overlay": throughout * len(forward)}
        for variant in sorted(expected.keys() & times.keys()):
            found, of_variant = np.array(times[variant]), np.array(expected[variant])
            if found.shape != of_variant.shape or not np.allclose(found, of_variant, atol=TIME_TOLERANCE_S):
                yield f"other slots: {group} {variant} has {found.tolist()}, expected is {of_variant.tolist()}"


def times_of(row: Row) -> list[tuple[float, float]]:
    """Get (onset_s, duration_s) of the events of a row."""
    return [(event["onset_s"], event["duration_s"]) for event in row["events"]]


def duplicate_rows(rows: list[Row]) -> Iterator[str]:
    """Yield rows with the audio of another row; without audio, those with the same composition and caption."""
    seen: dict[Any, str] = {}
    for row in rows:
        key = row.get("audio_sha256") or (repr((row["render"], row["background"])), row["variant"], row["caption"])
        if key in seen:
            yield f"duplicate rows: {row['group_id']} {VARIANTS[row['variant']]} has the audio of {seen[key]}"
        seen[key] = f"{row['group_id']} {VARIANTS[row['variant']]}"
