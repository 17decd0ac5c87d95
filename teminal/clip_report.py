"""Report what a source holds, before anything is trained or built of it, and what would be in the way."""

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from teminal.captions import as_clause, has_order
from teminal.clips import Clip, read_clip
from teminal.dataset.report import skipped_by_reason
from teminal.files import file_sha256
from teminal.rendering import SAMPLING_RATE

N_NAMED = 5  # clips of one kind


@dataclass(frozen=True)
class Look:
    """One clip, decoded: `reason` is why it cannot be used, "" else; `sha256` is that of its file."""

    reason: str
    duration_s: float = 0.0
    sampling_rate: int | None = None
    sha256: str = ""


def look_at(clips: list[Clip]) -> dict[Clip, Look]:
    """Decode all clips, on all cores."""
    with ThreadPoolExecutor() as pool:
        looks = list(tqdm(pool.map(_look, clips), total=len(clips), desc="decode", unit="clip"))
    return dict(zip(clips, looks, strict=True))


def _look(clip: Clip) -> Look:
    try:
        duration_s = len(read_clip(clip)) / SAMPLING_RATE
    except ValueError as error:
        return Look(str(error))
    if not isinstance(clip.audio, Path | bytes):
        return Look("", duration_s, SAMPLING_RATE)
    sampling_rate = None
    try:
        about = soundfile.info(io.BytesIO(clip.audio) if isinstance(clip.audio, bytes) else clip.audio)
        duration_s, sampling_rate = about.duration, about.samplerate
    except soundfile.LibsndfileError:  # decoded by FFmpeg
        pass
    return Look("", duration_s, sampling_rate, file_sha256(clip.audio) if isinstance(clip.audio, Path) else "")


def describe(looks: dict[Clip, Look]) -> Iterator[str]:
    """Give lines: how much there is of each class in each fold or split, of which length, rate and format; what is
    skipped.

    Args:
        looks: of all clips of a source.
    """
    usable = {clip: look for clip, look in looks.items() if not look.reason}
    labels = sorted({clip.label for clip in usable if clip.label})
    durations_s = [look.duration_s for look in usable.values()]
    what = f"{len(labels)} classes" if labels else f"{sum(len(clip.captions) for clip in usable)} captions"
    yield f"{len(usable)} of {len(looks)} clips can be used: {what}, {sum(durations_s) / 60:.1f} minutes"
    if usable:
        yield from _count_table(usable, labels)
        yield f"recordings: {len({clip.recording for clip in usable})}"
        yield f"seconds: {min(durations_s):.1f} to {max(durations_s):.1f}, median {np.median(durations_s):.1f}"
        yield f"sampling rates: {_count(look.sampling_rate for look in usable.values() if look.sampling_rate)}"
        yield f"formats: {_count(Path(clip.name).suffix.lower() for clip in usable)}"
        tested, trained = _sides(list(usable))
        both = {clip.recording for clip in tested} & {clip.recording for clip in trained}
        if both:
            yield f"{len(both)} recordings are on both sides, to train and to test on: training leaves their clips out"
    skipped = skipped_by_reason({clip.name: look.reason for clip, look in looks.items() if look.reason})
    for reason, names in skipped.items():
        yield f"skipped {len(names)}, {reason}: {', '.join(names[:N_NAMED])}{' ...' * (len(names) > N_NAMED)}"


def _count_table(usable: dict[Clip, Look], labels: list[str]) -> Iterator[str]:
    """Give a line per class, with its clips, seconds, and clips in each fold or split; and one of all."""
    in_order = sorted(usable, key=lambda clip: (clip.fold or 0, clip.split or ""))
    places = list(dict.fromkeys(map(_place, in_order)))
    rows = [["", "clips", "seconds", *places]]
    for label in [*labels, None]:
        own = [clip for clip in usable if label in (clip.label, None)]
        seconds = sum(usable[clip].duration_s for clip in own)
        counts = Counter(map(_place, own))
        rows.append([label or "all", str(len(own)), f"{seconds:.1f}", *(str(counts[place]) for place in places)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.rjust, row, widths))


def problems(looks: dict[Clip, Look]) -> Iterator[str]:
    """Give lines: what training and evaluation would refuse, or be misled by."""
    usable = [clip for clip, look in looks.items() if not look.reason]
    labels = sorted({clip.label for clip in usable if clip.label})
    if not usable:
        yield "no clip can be used"
        return
    if labels and len(labels) < 3:
        yield f"there are usable clips of {' and '.join(labels)} only; ZSTE needs three classes"
    plain = [clip for clip in usable if any(as_clause(text) and not has_order(text) for text in clip.captions)]
    if not labels and len(plain) < 2:
        yield "scenes need two clips with a caption without an order of its own"
    tested, trained = _sides(usable)
    for label in labels:
        if not any(clip.label == label for clip in tested):
            where = f" ({_place(tested[0])})" if tested else ""
            yield f"there is no clip of class {label!r} to test on{where}"
        if not any(clip.label == label for clip in trained):
            yield f"there is no clip of class {label!r} to train on"
    if not labels and not trained:
        yield "there is no clip to train on"
    same: dict[str, list[Clip]] = {}
    for clip in usable:
        same.setdefault(looks[clip].sha256 or clip.name, []).append(clip)
    for clips in same.values():
        if len({(clip.label, _place(clip)) for clip in clips}) > 1:
            where = ", ".join(f"{clip.name} ({_place(clip)})" for clip in clips)
            yield f"the same file in several classes, folds or splits: {where}"


def _sides(clips: list[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Give clips to test on and to train on: those of the test split, else of the one for validation, and of the
    training split; or where there are folds, those of the last and all others."""
    splits = {clip.split for clip in clips if clip.split}
    if splits:
        held = "test" if "test" in splits else "validation"
        return [clip for clip in clips if clip.split == held], [clip for clip in clips if clip.split == "train"]
    last = max((clip.fold or 0 for clip in clips), default=0)
    return [clip for clip in clips if clip.fold == last], [clip for clip in clips if clip.fold != last]


def _place(clip: Clip) -> str:
    return clip.split or f"fold {clip.fold}"


def _count(values: Iterable[object]) -> str:
    return ", ".join(f"{value} ({count})" for value, count in sorted(Counter(values).items()))
