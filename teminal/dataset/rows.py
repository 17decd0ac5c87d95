"""Rows of the published datasets: one per composition."""

import io

import numpy as np
import soundfile
from datasets import Audio, ClassLabel, Features, List, Value

from teminal.clips import Clip
from teminal.licenses import joint_license
from teminal.rendering import SAMPLING_RATE, event_times
from teminal.sampling.groups import Group
from teminal.scenes import VARIANTS, Composition

TEXT, SECONDS = Value("string"), Value("float32")
EVENT = {"label": TEXT, "clip": TEXT, "onset_s": SECONDS, "duration_s": SECONDS}
RENDER = {
    "clips": List(Value("string")),
    "start_s": List(Value("int32")),
    "offsets": List(Value("int32")),
    "snr_db": Value("float64"),
    "gap_s": Value("float64"),
}


def row_features(includes_audio: bool) -> Features:
    """Columns of a dataset with audio, or of recipes: then `render` says how to compose the audio.

    `relation` is that of the caption, `variant` that of the scene. `events` are in order of onset. `render` lists the
    clips of the whole group in the order of its forward variant, where each begins in its recording, and the sample
    of its loop that it starts from.
    """
    content = {"audio": Audio(SAMPLING_RATE)} if includes_audio else {}
    how = {} if includes_audio else {"render": RENDER}
    return Features(
        {
            **content,
            "caption": Value("string"),
            "relation": Value("string"),
            "variant": ClassLabel(names=list(VARIANTS)),
            "group_id": Value("string"),
            "events": List(EVENT),
            "split": Value("string"),
            "fold": Value("int32"),
            "seen_pair": Value("bool"),
            "license": Value("string"),
            "attribution": Value("string"),
            **how,
        }
    )


def group_rows(group: Group, clips: list[Clip]) -> list[dict]:
    """Return the four rows of a group with the column `render` but without audio; `clips` is what its composition
    indexes."""
    composition, rows = group.composition, []
    how = {
        "clips": [clips[index].name for index in composition.clips],
        "start_s": [clips[index].start_s for index in composition.clips],
        "offsets": list(composition.offsets),
        "snr_db": composition.snr_db,
        "gap_s": composition.gap_s,
    }
    events = list(zip(group.labels, (clips[index] for index in composition.clips), strict=True))
    for code, (variant, (relation, caption)) in enumerate(zip(VARIANTS, group.captions, strict=True)):
        sounding = {"single": events[:1], "reversed": events[::-1]}.get(variant, events)
        times = event_times(variant, len(events), composition.gap_s)
        attributions = dict.fromkeys(clip.attribution for _, clip in sounding if clip.attribution)
        rows.append(
            {
                "caption": caption,
                "relation": relation,
                "variant": code,
                "group_id": group.group_id,
                "events": [
                    {"label": label, "clip": clip.name, "onset_s": onset_s, "duration_s": duration_s}
                    for (label, clip), (onset_s, duration_s) in zip(sounding, times, strict=True)
                ],
                "split": group.split,
                "fold": group.fold,
                "seen_pair": group.seen_pair,
                "license": joint_license(clip.license for _, clip in sounding),
                "attribution": "; ".join(attributions),
                "render": how,
            }
        )
    return rows


def group_from_rows(rows: list[dict], clip_index: dict[str, int]) -> Group:
    """Return what [`group_rows`] was given; `clip_index` maps a clip's name to its index."""
    forward = rows[VARIANTS.index("forward")]
    how = forward["render"]
    return Group(
        group_id=forward["group_id"],
        split=forward["split"],
        fold=forward["fold"],
        composition=Composition(
            clips=tuple(clip_index[name] for name in how["clips"]),
            offsets=tuple(how["offsets"]),
            snr_db=how["snr_db"],
            gap_s=how["gap_s"],
            variant="forward",
        ),
        labels=tuple(event["label"] for event in forward["events"]),
        captions=tuple((row["relation"], row["caption"]) for row in rows),
        seen_pair=forward["seen_pair"],
    )


def encode_flac(waveform: np.ndarray) -> bytes:
    """(samples,) in [-1, 1] -> a 16 bit FLAC file at 48 kHz."""
    file = io.BytesIO()
    samples = np.rint(waveform * np.float32(2**15 - 1)).astype(np.int16)
    soundfile.write(file, samples, SAMPLING_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()
