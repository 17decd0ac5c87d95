"""Rows of the published datasets: one per composition."""

import io

import numpy as np
import soundfile
from datasets import Audio, ClassLabel, Features, List, Value

from teminal.clips import Clip
from teminal.groups import Event, Group
from teminal.licenses import joint_license
from teminal.rendering import SAMPLING_RATE, event_times
from teminal.scenes import VARIANTS

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
    """The four rows of a group, without audio; `clips` is what its events index."""
    rows = []
    for code, (variant, (relation, caption)) in enumerate(zip(VARIANTS, group.captions, strict=True)):
        events = {"single": group.events[:1], "reversed": group.events[::-1]}.get(variant, group.events)
        times = event_times(variant, len(group.events), group.gap_s)
        sounding = [clips[event.clip] for event in events]
        rows.append(
            {
                "caption": caption,
                "relation": relation,
                "variant": code,
                "group_id": group.group_id,
                "events": [
                    {"label": event.label, "clip": clip.name, "onset_s": onset_s, "duration_s": duration_s}
                    for event, clip, (onset_s, duration_s) in zip(events, sounding, times, strict=True)
                ],
                "split": group.split,
                "fold": group.fold,
                "seen_pair": group.seen_pair,
                "license": joint_license(clip.license for clip in sounding),
                "attribution": "; ".join(dict.fromkeys(clip.attribution for clip in sounding if clip.attribution)),
            }
        )
    return rows


def recipe_rows(group: Group, clips: list[Clip]) -> list[dict]:
    """The rows of a group with the column `render`."""
    how = {
        "clips": [clips[event.clip].name for event in group.events],
        "start_s": [clips[event.clip].start_s for event in group.events],
        "offsets": [event.offset for event in group.events],
        "snr_db": group.snr_db,
        "gap_s": group.gap_s,
    }
    return [{**row, "render": how} for row in group_rows(group, clips)]


def group_from_rows(rows: list[dict], clip_index: dict[str, int]) -> Group:
    """What [`recipe_rows`] was given; `clip_index` maps a clip's name to its index."""
    forward = rows[VARIANTS.index("forward")]
    how = forward["render"]
    labels = [event["label"] for event in forward["events"]]
    return Group(
        forward["group_id"],
        forward["split"],
        forward["fold"],
        tuple(map(Event, [clip_index[name] for name in how["clips"]], labels, how["offsets"])),
        how["snr_db"],
        how["gap_s"],
        tuple((row["relation"], row["caption"]) for row in rows),
        forward["seen_pair"],
    )


def encode_flac(waveform: np.ndarray) -> bytes:
    """(samples,) in [-1, 1] -> a 16 bit FLAC file at 48 kHz."""
    file = io.BytesIO()
    samples = np.rint(waveform * np.float32(2**15 - 1)).astype(np.int16)
    soundfile.write(file, samples, SAMPLING_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()
