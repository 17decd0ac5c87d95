"""Find what tells the variants of a group apart beside the order of their events: duration, level, silence."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from teminal.dataset.rows import FRAME_S
from teminal.scenes import VARIANTS
from teminal.tables import Row

SHALLOW = ("duration_s", "level_db", "peak_db", "silent_share")
N_PARTS = 10  # of a scene, for its power over time
SIGMAS = 4.0  # standard deviations by which a classifier may beat chance
MIN_GROUPS = 10


def by_group(rows: list[Row]) -> dict[str, list[Row]]:
    """Collect the rows of each group."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["group_id"]].append(row)
    return groups


def unequal_variants(rows: list[Row]) -> Iterator[str]:
    """Yield groups in which duration or level differs."""
    for group, members in by_group(rows).items():
        for tell, feature, tolerance in (("duration", "duration_s", 0.0), ("level", "level_db", 0.05)):
            values = [row[feature] for row in members]
            if max(values) - min(values) > tolerance:
                yield f"{tell} tell: {group} has {feature} from {min(values):.2f} to {max(values):.2f}"


def relation_tells(rows: list[Row]) -> Iterator[str]:
    """Yield features from which a cross-validated logistic regression predicts the variant.

    They are shallow features as they are, and less their mean in the group, as is power over time. Single sounds are
    left out.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    variants = np.arange(1, len(VARIANTS))
    groups = []
    for members in by_group(rows).values():
        members = sorted((row for row in members if row["variant"] > 0), key=lambda row: row["variant"])
        if [row["variant"] for row in members] == variants.tolist():
            groups.append(members)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    for name, features in measure_features(groups).items():
        known = features[np.isfinite(features).all(axis=(1, 2))]
        if len(known) < MIN_GROUPS:
            continue
        accuracy = cross_val_score(
            classifier,
            known.reshape(-1, known.shape[2]),
            np.tile(variants, len(known)),
            groups=np.arange(len(known)).repeat(len(variants)),
            cv=GroupKFold(5),
        ).mean()
        # As one variant of a group is chosen more often than chance, another is less: right answers in a group vary at
        # most as the fixed points of a random permutation, whose variance is 1.
        chance, chance_sd = 1 / len(variants), 1 / (len(variants) * len(known) ** 0.5)
        if accuracy > chance + SIGMAS * chance_sd:
            yield f"{name} tell the relation: {accuracy:.1%} right, chance is {chance:.1%}"


def measure_features(groups: list[list[Row]]) -> dict[str, np.ndarray]:
    """Measure what must not tell the relation.

    Args:
        groups: forward, reversed and overlay of each.

    Returns:
        Name -> (groups, 3, features); NaN in groups that have no such moments.
    """
    shallow = np.array([[[row[name] for name in SHALLOW] for row in members] for members in groups])
    over_time = np.array(
        [[power_over_time(row["powers"], members[0]["events"]) for row in members] for members in groups]
    )
    within = {
        **{name: shallow[:, :, [column]] for column, name in enumerate(SHALLOW)},
        "power over time": over_time[:, :, :N_PARTS],
        "power in gaps": over_time[:, :, [N_PARTS]],
        "power in overlaps": over_time[:, :, [N_PARTS + 1]],
    }
    within = {f"{name} within groups": values - values.mean(axis=1, keepdims=True) for name, values in within.items()}
    together = [shallow, *(within[f"{name} within groups"] for name in (*SHALLOW, "power over time"))]
    return {
        **{name: shallow[:, :, [column]] for column, name in enumerate(SHALLOW)},
        **within,
        "all together": np.concatenate(together, axis=2),
    }


def power_over_time(powers: np.ndarray, slots: list[Row]) -> np.ndarray:
    """Average the power of frames over equal parts of a scene, over its gaps, and over where two events overlap.

    Args:
        powers: (frames,), see [`teminal.dataset.rows.shallow_features`].
        slots: with `onset_s` and `duration_s`.

    Returns:
        (N_PARTS + 2,), over the mean of the scene, that of gaps in dB, at least -60; NaN without gaps or overlaps.
    """
    starts_s = np.arange(len(powers)) * FRAME_S
    n_heard, n_throughout = np.zeros(len(powers)), np.zeros(len(powers))  # slots in part of a frame, in all of it
    for slot in slots:
        end_s = slot["onset_s"] + slot["duration_s"]
        n_heard += (starts_s + FRAME_S > slot["onset_s"]) & (starts_s < end_s)
        n_throughout += (starts_s >= slot["onset_s"]) & (starts_s + FRAME_S <= end_s)
    some = [*np.array_split(powers, N_PARTS), powers[n_heard == 0], powers[n_throughout > 1]]
    found = np.array([part.mean() if len(part) else np.nan for part in some]) / max(powers.mean(), 1e-12)
    found[N_PARTS] = 10 * np.log10(np.maximum(found[N_PARTS], 1e-6))
    return found
