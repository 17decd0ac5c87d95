"""Report what a source holds, before anything is trained or built of it, and what would be in the way."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile
from tqdm import tqdm

from teminal.captions import as_clause, has_order
from teminal.clips import Clip, read_clip
from teminal.files import file_sha256
from teminal.rendering import SAMPLING_RATE

if TYPE_CHECKING:
    from pandas import DataFrame

N_NAMED = 5  # clips that are skipped for one reason


def inspect_clips(clips: list[Clip]) -> "DataFrame":
    """Decode all clips of a source, on all cores: a row for each, with what is said of it and what was found.

    `reason` is why a clip cannot be used, "" else; `side` is "test" for the clips of the test split, else of the one
    for validation, or of the last fold, and "train" for those that are trained on.
    """
    from pandas import DataFrame

    splits = {clip.split for clip in clips if clip.split}
    last_fold = max((clip.fold or 0 for clip in clips), default=0)
    held = "test" if "test" in splits else "validation" if splits else last_fold
    with ThreadPoolExecutor() as pool:
        found = list(tqdm(pool.map(_inspect, clips), total=len(clips), desc="decode", unit="clip"))
    rows = []
    for clip, about in zip(clips, found, strict=True):
        place = clip.split or clip.fold
        side = "test" if place == held else "train" if place == "train" or not splits else ""
        said = {"name": clip.name, "label": clip.label, "captions": clip.captions, "recording": clip.recording}
        rows.append({**said, "place": place, "side": side, **about})
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
    """Say how much there is of each class in each fold or split, of which length, rate and format; and what is faulty.

    Args:
        found: see [`inspect_clips`].
    """
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
    """Say what training and evaluation would refuse, or be misled by."""
    usable = found[found["reason"] == ""]
    labels = sorted(set(usable["label"]) - {""})
    if usable.empty:
        yield "no clip can be used"
        return
    if labels and len(labels) < 3:
        yield f"there are usable clips of {' and '.join(labels)} only; ZSTE needs three classes"
    if not labels and sum(any(map(_is_plain, captions)) for captions in usable["captions"]) < 2:
        yield "scenes need two clips with a caption without an order of its own"
    for side in ("test", "train"):
        missing = sorted(set(labels) - set(usable.loc[usable["side"] == side, "label"]))
        yield from (f"there is no clip of class {label!r} to {side} on" for label in missing)
    if not labels and "train" not in set(usable["side"]):
        yield "there is no clip to train on"
    for _, same in usable.groupby("sha256", sort=False):
        if len(same[["label", "place"]].drop_duplicates()) > 1:
            clips = same[["name", "label", "place"]].to_numpy().tolist()
            where = ", ".join(f"{name} ({label or 'captioned'}, {place})" for name, label, place in clips)
            yield f"the same file in several classes, folds or splits: {where}"


def _is_plain(caption: str) -> bool:
    return bool(as_clause(caption)) and not has_order(caption)


def _count(values: Iterable[int | str]) -> str:
    return ", ".join(f"{value} ({count})" for value, count in sorted(Counter(values).items()))
