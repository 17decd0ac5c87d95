"""Decode all clips of a source, describe them, and list problems that would stop training or evaluation."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile
from tqdm import tqdm

from teminal.clips import Clip, read_clip
from teminal.files import file_sha256
from teminal.natural_captions import can_be_joined
from teminal.rendering import SAMPLING_RATE

if TYPE_CHECKING:
    from pandas import DataFrame

N_NAMED = 5  # clips listed for each reason to skip them
TRAIN_FOLDS, TEST_FOLD = (1, 2, 3, 4), 5  # those that commands take by default


def inspect_clips(clips: list[Clip]) -> "DataFrame":
    """Decode all clips on all cores, and return a table with a row for each.

    Columns: name, label, captions, recording; `place`, the split or fold; `side`, "test" for the test split (without
    one the validation split, or `TEST_FOLD`), "train" for clips to train on, else ""; `reason` why the clip cannot
    be used, or ""; seconds, sampling_rate, sha256.
    """
    from pandas import DataFrame

    splits = {clip.split for clip in clips if clip.split}
    held = "test" if "test" in splits else "validation" if splits else TEST_FOLD
    with ThreadPoolExecutor() as pool:
        found = list(tqdm(pool.map(_inspect, clips), total=len(clips), desc="decode", unit="clip"))
    rows = []
    for clip, about in zip(clips, found, strict=True):
        place = clip.split or clip.fold
        side = "test" if place == held else "train" if place == "train" or not splits else ""
        given = {"name": clip.name, "label": clip.label, "captions": clip.captions, "recording": clip.recording}
        rows.append({**given, "place": place, "side": side, **about})
    return DataFrame(rows)


def _inspect(clip: Clip) -> dict[str, Any]:
    found = {"reason": "", "seconds": 0.0, "sampling_rate": SAMPLING_RATE, "sha256": clip.name}
    try:
        found["seconds"] = len(read_clip(clip)) / SAMPLING_RATE
    except ValueError as error:
        return {**found, "reason": str(error)}
    if isinstance(clip.audio, Path):
        found["sha256"] = file_sha256(clip.audio)
    if isinstance(clip.audio, Path | bytes):
        try:
            about = soundfile.info(io.BytesIO(clip.audio) if isinstance(clip.audio, bytes) else clip.audio)
            found |= {"seconds": about.duration, "sampling_rate": about.samplerate}
        except soundfile.LibsndfileError:  # decoded by FFmpeg
            found["sampling_rate"] = 0
    return found


def describe_clips(found: "DataFrame") -> Iterator[str]:
    """Describe the table of [`inspect_clips`]: clips by class and fold, durations, rates, formats and faults."""
    from pandas import crosstab

    usable = found[found["reason"] == ""]
    n_classes, seconds = len(set(usable["label"]) - {""}), usable["seconds"]
    what = f"{n_classes} classes" if n_classes else f"{sum(map(len, usable['captions']))} captions"
    yield f"{len(usable)} of {len(found)} clips can be used: {what}, {seconds.sum() / 60:.1f} minutes"
    if len(usable):
        table = crosstab(usable["label"], usable["place"], margins=True, margins_name="all")
        table["seconds"] = seconds.groupby(usable["label"]).sum()
        table.loc["all", "seconds"] = seconds.sum()
        yield table.to_string(float_format="{:.1f}".format)
        yield f"recordings: {usable['recording'].nunique()}"
        yield f"seconds: {seconds.min():.1f} to {seconds.max():.1f}, median {seconds.median():.1f}"
        yield f"sampling rates: {_count(rate for rate in usable['sampling_rate'] if rate)}"
        yield f"formats: {_count(Path(name).suffix.lower() for name in usable['name'])}"
        sides = usable.groupby("side")["recording"].agg(set)
        if both := sides.get("test", set()) & sides.get("train", set()):
            yield f"{len(both)} recordings are on both sides, to train and to test on: training leaves their clips out"
    for reason, names in found[found["reason"] != ""].groupby("reason")["name"]:
        yield f"skipped {len(names)}, {reason}: {', '.join(names[:N_NAMED])}{' ...' * (len(names) > N_NAMED)}"


def find_problems(found: "DataFrame") -> Iterator[str]:
    """List what training or evaluation would refuse, or what would make their results wrong."""
    usable = found[found["reason"] == ""]
    labels = sorted(set(usable["label"]) - {""})
    if usable.empty:
        yield "no clip can be used"
        return
    if labels and len(labels) < 3:
        yield f"there are usable clips of {' and '.join(labels)} only; ZSTE needs three classes"
    if not labels and sum(any(map(can_be_joined, captions)) for captions in usable["captions"]) < 2:
        yield "scenes need two clips with a caption without an order of its own"
    folds = {place for place in usable["place"] if isinstance(place, int)}
    absent = sorted({*TRAIN_FOLDS, TEST_FOLD} - folds) if folds else []
    if absent:
        yield (
            f"there is no fold {', '.join(map(str, absent))}: give --train_folds and --eval_folds to a training, and "
            f"--folds to an evaluation, of the folds {', '.join(map(str, sorted(folds)))}"
        )
    for side in () if absent else ("test", "train"):
        missing = sorted(set(labels) - set(usable.loc[usable["side"] == side, "label"]))
        yield from (f"there is no clip of class {label!r} to {side} on" for label in missing)
    if not labels and "train" not in set(usable["side"]):
        yield "there is no clip to train on"
    for _, same in usable.groupby("sha256", sort=False):
        if len(same[["label", "place"]].drop_duplicates()) > 1:
            clips = same[["name", "label", "place"]].to_numpy().tolist()
            where = ", ".join(f"{name} ({label or 'captioned'}, {place})" for name, label, place in clips)
            yield f"the same file in several classes, folds or splits: {where}"


def _count(values: Iterable[int | str]) -> str:
    return ", ".join(f"{value} ({count})" for value, count in sorted(Counter(values).items()))
