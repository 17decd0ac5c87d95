"""Load fixed ZSTE scenes: the `zste` config of a dataset, from a folder or the Hub."""

import hashlib
import inspect
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from datasets import Dataset

from teminal.audio import read_audio
from teminal.dataset.rows import row_features
from teminal.evaluation.zste_questions import (
    Example,
    build_statement_examples,
    build_three_sound_examples,
    build_two_sound_examples,
)
from teminal.hub_rows import keep_audio_undecoded, load_hub_dataset
from teminal.rendering import EVENT_S, EVENT_SAMPLES, in_silence
from teminal.sampling.layouts import TASK6
from teminal.sampling.zste import Heard, SceneGroup, draw_scene_group
from teminal.scenes import VARIANTS, Composition, Scene

CONFIG = "zste"
NEEDED = ("audio", "variant", "group_id", "events", "seen_pair")
OPTIONAL = "background"  # a column that scenes of earlier versions lack


class DatasetAudio:
    """Audio of a dataset's compositions; scenes may be hard because of the gap between events.

    A composition's only "clip" is the number of its group.
    """

    difficulty_task, difficulty_label = "3A", "gap between the two sounds (s)"

    def __init__(self, dataset: Dataset, rows: list[dict[str, int]], gaps_s: list[float]):
        self.dataset, self.rows, self.gaps_s = dataset, rows, gaps_s

    def keys(self, compositions: list[Composition]) -> list[str]:
        """Hash the audio of each composition, and the code that reads it."""
        code, keys = inspect.getsource(sys.modules[__name__]) + inspect.getsource(in_silence), []
        for composition in compositions:
            how = repr((code, composition.variant, composition.onset_s)).encode()
            keys.append(hashlib.sha256(self._bytes(composition) + how).hexdigest())
        return keys

    def read(self, compositions: list[Composition]) -> Iterator[np.ndarray]:
        """Yield waveforms (samples,) fp32 as stored; an "onset" is the first 5 s of the single sound, in silence."""
        for composition in compositions:
            try:
                waveform = read_audio(self._bytes(composition))
            except ValueError as error:
                name = self._row(composition)["group_id"]
                raise ValueError(f"group {name}, {composition.variant}: {error}; build the scenes again") from error
            if composition.variant == "onset":
                waveform = in_silence(waveform[:EVENT_SAMPLES], composition.onset_s)
            yield waveform

    def difficulty(self, composition: Composition) -> float:
        """Get the gap between the two sounds, seconds."""
        return self.gaps_s[composition.clips[0]]

    def _row(self, composition: Composition) -> dict:
        variant = "single" if composition.variant == "onset" else composition.variant
        return self.dataset[self.rows[composition.clips[0]][variant]]

    def _bytes(self, composition: Composition) -> bytes:
        row = self._row(composition)
        if not (row["audio"] and row["audio"]["bytes"]):
            raise ValueError(
                f"group {row['group_id']} has no audio of its {composition.variant} variant: build the scenes again"
            )
        return row["audio"]["bytes"]


def _read_rows(flag: str, dataset: Dataset) -> list[dict]:
    """Read all columns but the audio; a ValueError names a column of another type, or with nulls."""
    expected = row_features(includes_audio=True)
    columns = [name for name in (*NEEDED[1:], OPTIONAL) if name in dataset.column_names]
    for name in columns:
        try:
            dataset = dataset.cast_column(name, expected[name])
        except (ValueError, TypeError, NotImplementedError) as error:
            found = dataset.features[name]
            raise ValueError(f"{flag}: its column {name} is {found}, expected is {expected[name]}") from error
    rows = [{OPTIONAL: None, **row} for row in dataset.select_columns(columns).to_list()]
    if all(row["seen_pair"] is None for row in rows):  # only pairs of classes are held out
        raise ValueError(f"{flag}: its groups have captions and no labels; ZSTE needs classes")
    for number, row in enumerate(rows, start=1):
        for name, value in row.items():
            if name != OPTIONAL and (value is None or value == []):
                raise ValueError(f"{flag}: row {number} has no {name}: build the scenes again")
    return rows


def load_scenes(dataset_name: str, seed: int) -> tuple[list[Example], DatasetAudio]:
    """Load the examples and the audio of the test split of `zste`.

    Task 1A uses a group's single sound, 1B its first 5 s in silence, because the dataset has no clips as recorded; 5D
    uses groups of three sounds, task 6 the groups that have its sub-task in their name, the other tasks groups of two.
    Candidate classes are those of the dataset.

    Args:
        dataset_name: folder written by `build_dataset.py`, or Hub id.
        seed: of onsets, held-out wordings and mixed variants.

    Raises:
        ValueError: it is no such dataset, or a group is incomplete; what is missing is named.
    """
    flag = f"--zste_dataset {dataset_name}"
    if not Path(dataset_name).is_dir() and (dataset_name.startswith(("/", ".")) or dataset_name.count("/") != 1):
        raise ValueError(f"{flag}: no such folder; build one with build_dataset.py --config_name {CONFIG}")
    try:
        dataset = load_hub_dataset(f"{flag}: its config {CONFIG} cannot be read", dataset_name, "test", CONFIG)
    except ValueError as error:
        raise ValueError(f"{error}; build such scenes with build_dataset.py --config_name {CONFIG}") from error
    if missing := [name for name in NEEDED if name not in dataset.column_names]:
        cure = "; render it first, see render_dataset.py" if "audio" in missing else ""
        raise ValueError(f"{flag}: no column {', '.join(missing)}{cure}")
    dataset = keep_audio_undecoded(flag, dataset)
    about = _read_rows(flag, dataset)
    rows: dict[str, dict[str, int]] = {}
    for number, row in enumerate(about):
        rows.setdefault(row["group_id"], {})[VARIANTS[row["variant"]]] = number
    for group_id, of_group in rows.items():
        if missing := [variant for variant in VARIANTS if variant not in of_group]:
            raise ValueError(f"{flag}: group {group_id} has no variant {', '.join(missing)}")

    rng = np.random.default_rng([seed, 17])
    singles: list[tuple[Composition, Scene]] = []
    in_silences: list[tuple[Composition, Scene]] = []
    gaps_s: list[float] = []
    # each group with the pairs of its events that never meet in training
    two: list[tuple[SceneGroup, set]] = []
    three: list[tuple[SceneGroup, set]] = []
    in_layouts: dict[str, list[Heard]] = {}  # sub-task of task 6 -> its scenes
    unseen: set[tuple[str, str]] = set()
    for number, (group_id, of_group) in enumerate(rows.items()):
        forward = about[of_group["forward"]]
        labels = tuple(event["label"] for event in forward["events"])
        first, second = forward["events"][:2]
        gaps_s.append(second["onset_s"] - first["onset_s"] - first["duration_s"])
        pairs = set() if forward["seen_pair"] else set(itertools.combinations(sorted(labels), 2))
        if task := next((task for task in TASK6 if f"-{task}-" in group_id), None):
            background = forward["background"]["label"] if forward["background"] else None
            heard = Composition((number,), variant="forward"), Scene("sequence", labels, background)
            in_layouts.setdefault(task, []).append(heard)
            unseen |= pairs
            continue
        single, onset_s = Scene("single", labels[:1]), float(rng.uniform(0, EVENT_S))
        singles.append((Composition((number,), variant="single"), single))
        in_silences.append((Composition((number,), variant="onset", onset_s=onset_s), single))
        group = draw_scene_group(rng, len(two), (number,), labels)
        (two if len(labels) == 2 else three).append((group, pairs))
    if not (two and three):
        raise ValueError(f"{flag}: ZSTE needs groups of two and of three events; build more, or with other shares")
    classes = sorted({label for group, _ in two + three for label in group.labels})
    unseen = unseen.union(*(pairs for _, pairs in two))
    examples = [
        *build_two_sound_examples(singles, in_silences, [group for group, _ in two], classes, unseen),
        *(example for group, pairs in three for example in build_three_sound_examples(group, pairs)),
        *build_statement_examples(in_layouts, unseen),
    ]
    return examples, DatasetAudio(dataset, list(rows.values()), gaps_s)
