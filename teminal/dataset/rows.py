"""Make and read the rows of datasets: one per composition."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from datasets import Audio, ClassLabel, Features, List, Value
from tqdm import tqdm

from teminal.clips import Clip
from teminal.licenses import joint_license
from teminal.rendering import SAMPLING_RATE, event_times
from teminal.sampling.groups import Group
from teminal.scenes import VARIANTS, Composition, Layout
from teminal.tables import Row, check_columns

FRAME_S = 0.02  # of shallow features
TEXT, SECONDS = Value("string"), Value("float32")
EVENT = {"label": TEXT, "clip": TEXT, "onset_s": SECONDS, "duration_s": SECONDS}
BACKGROUND = {"label": TEXT, "clip": TEXT, "level_db": Value("float64")}
RENDER = {
    "clips": List(TEXT),
    "start_s": List(Value("int32")),
    "offsets": List(Value("int32")),
    "snr_db": Value("float64"),
    "duration_s": Value("float64"),
    "slots": List({"onset_s": Value("float64"), "duration_s": Value("float64")}),
}


def row_features(includes_audio: bool) -> Features:
    """Declare the columns of a dataset with audio, or of recipes with a column `render` instead.

    `relation` describes the caption, `variant` the scene; `events` are in order of onset. `background` is the clip
    under all variants of a group, and the level of the events over it; null without one. `render` lists the clips of
    the group in the order of its forward variant, then its background if it has one, their starts in their recordings,
    and the start samples of their loops.
    """
    columns = {
        "caption": TEXT,
        "relation": TEXT,
        "variant": ClassLabel(names=list(VARIANTS)),
        "group_id": TEXT,
        "events": List(EVENT),
        "background": BACKGROUND,
        "split": TEXT,
        "fold": Value("int32"),
        "seen_pair": Value("bool"),
        "license": TEXT,
        "attribution": TEXT,
    }
    return Features({"audio": Audio(SAMPLING_RATE), **columns} if includes_audio else {**columns, "render": RENDER})


def group_rows(group: Group, clips: list[Clip]) -> list[dict]:
    """Make the four rows of a group, with the column `render` and without audio.

    Args:
        clips: what the composition indexes.
    """
    composition, rows = group.composition, []
    how = {
        "clips": [clips[index].name for index in composition.all_clips],
        "start_s": [clips[index].start_s for index in composition.all_clips],
        "offsets": list(composition.offsets),
        "snr_db": composition.snr_db,
        "duration_s": composition.layout.duration_s,
        "slots": [
            {"onset_s": onset_s, "duration_s": duration_s}
            for onset_s, duration_s in composition.layout.place(len(composition.clips))
        ],
    }
    backgrounds = [clips[index] for index in composition.background]
    events = list(zip(group.labels, (clips[index] for index in composition.clips), strict=True))
    for code, (variant, (relation, caption)) in enumerate(zip(VARIANTS, group.captions, strict=True)):
        sounding = {"single": events[:1], "reversed": events[::-1]}.get(variant, events)
        times = event_times(variant, len(events), composition.layout)
        heard = [clip for _, clip in sounding] + backgrounds
        attributions = dict.fromkeys(clip.attribution for clip in heard if clip.attribution)
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
                "background": _describe_background(composition, clips),
                "split": group.split,
                "fold": group.fold,
                "seen_pair": group.seen_pair,
                "license": joint_license(clip.license for clip in heard),
                "attribution": "; ".join(attributions),
                "render": how,
            }
        )
    return rows


def _describe_background(composition: Composition, clips: list[Clip]) -> dict | None:
    """Make the cell `background`; a clip without a class is named by its first caption."""
    if not composition.background:
        return None
    clip = clips[composition.background[0]]
    return {"label": clip.label or clip.captions[0], "clip": clip.name, "level_db": composition.background_db}


def group_from_rows(rows: list[dict], clip_index: dict[str, int]) -> Group:
    """Invert [`group_rows`]; `clip_index` maps the name of a clip to its index."""
    forward = rows[VARIANTS.index("forward")]
    how, n_events = forward["render"], len(forward["events"])
    clips = tuple(clip_index[name] for name in how["clips"])
    slots = tuple((slot["onset_s"], slot["duration_s"]) for slot in how["slots"])
    background = forward["background"]
    return Group(
        group_id=forward["group_id"],
        split=forward["split"],
        fold=forward["fold"],
        composition=Composition(
            clips=clips[:n_events],
            background=clips[n_events:],
            offsets=tuple(how["offsets"]),
            snr_db=how["snr_db"],
            background_db=background["level_db"] if background else 0.0,
            layout=Layout(how["duration_s"], slots),
            variant="forward",
        ),
        labels=tuple(event["label"] for event in forward["events"]),
        captions=tuple((row["relation"], row["caption"]) for row in rows),
        seen_pair=forward["seen_pair"],
    )


def encode_flac(waveform: np.ndarray) -> bytes:
    """Encode (samples,) in [-1, 1] as a 16 bit FLAC file at 48 kHz."""
    file = io.BytesIO()
    samples = np.rint(waveform * np.float32(2**15 - 1)).astype(np.int16)
    soundfile.write(file, samples, SAMPLING_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def read_rows(folder: Path) -> list[Row]:
    """Read all rows of a config, with shallow features and a hash in place of the audio.

    Where the column `background` is missing, as in configs of earlier versions, it is null.

    Raises:
        ValueError: the folder has no rows, or a shard cannot be read.
    """
    rows: list[Row] = []
    with tqdm(desc="read", unit="row") as bar, ThreadPoolExecutor() as pool:
        for shard in sorted(folder.glob("*.parquet")):
            try:
                file = pq.ParquetFile(shard)
                schema = row_features(includes_audio="audio" in file.schema_arrow.names).arrow_schema
                if "background" not in file.schema_arrow.names:
                    schema = schema.remove(schema.get_field_index("background"))
                check_columns(shard, file.schema_arrow.names, tuple(schema.names))
                for batch in file.iter_batches(batch_size=32, columns=schema.names):
                    table = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                    rows += pool.map(_measure_audio, table.to_pylist())
                    bar.update(len(batch))
            except (pa.ArrowException, soundfile.LibsndfileError) as error:
                raise ValueError(f"{shard}: damaged: {error}") from error
    if not rows:
        raise ValueError(f"{folder}: no rows in Parquet shards in it; point at the folder of one config")
    return rows


def _measure_audio(row: Row) -> Row:
    row = {"background": None, **row}
    for name, value in row.items():
        if value is None and name not in ("background", "fold", "seen_pair"):
            raise ValueError(f"group {row['group_id']}, variant {row['variant']}: its {name} is missing")
    if "audio" not in row:
        return row
    content = row.pop("audio")["bytes"] or b""
    waveform, sampling_rate = soundfile.read(io.BytesIO(content), dtype="float32")
    sha256 = hashlib.sha256(content).hexdigest()
    return {**row, "audio_sha256": sha256, **shallow_features(waveform, sampling_rate)}


def shallow_features(waveform: np.ndarray, sampling_rate: int) -> Row:
    """Measure what must not tell the relation.

    Returns:
        `duration_s`; `level_db` and `peak_db` in dB full scale; `silent_share`, the share of frames of 20 ms below
        -60 dB; `powers`, (frames,) fp32, the mean square of each frame.
    """
    size = round(sampling_rate * FRAME_S)
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)
    powers = np.mean(frames**2, axis=1)
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    return {
        "duration_s": len(waveform) / sampling_rate,
        "level_db": round(20 * np.log10(level + 1e-9), 3),
        "peak_db": round(20 * np.log10(np.abs(waveform).max() + 1e-9), 3),
        "silent_share": float((np.sqrt(powers) < 1e-3).mean()),
        "powers": powers,
    }
