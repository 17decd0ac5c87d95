"""Read a built config, with shallow features in place of its audio."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from tqdm import tqdm

from teminal.dataset.rows import row_features
from teminal.tables import check_columns

Row = dict[str, Any]


def read_rows(folder: Path) -> list[Row]:
    """Read all rows of a config, with shallow features and a hash in place of the audio.

    Raises:
        ValueError: the folder holds no such dataset, or a shard of it cannot be read.
    """
    rows: list[Row] = []
    with tqdm(desc="read", unit="row") as bar, ThreadPoolExecutor() as pool:
        for shard in sorted(folder.glob("*.parquet")):
            try:
                file = pq.ParquetFile(shard)
                schema = row_features(includes_audio="audio" in file.schema_arrow.names).arrow_schema
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
    for name, value in row.items():
        if value is None and name not in ("fold", "seen_pair"):
            raise ValueError(f"group {row['group_id']}, variant {row['variant']}: its {name} is missing")
    if "audio" not in row:
        return row
    content = row.pop("audio")["bytes"] or b""
    waveform, sampling_rate = soundfile.read(io.BytesIO(content), dtype="float32")
    sha256 = hashlib.sha256(content).hexdigest()
    return {**row, "audio_sha256": sha256, **shallow_features(waveform, sampling_rate)}


def shallow_features(waveform: np.ndarray, sampling_rate: int) -> dict[str, float]:
    """Measure duration, RMS and peak in dB of full scale, and the share of 20 ms frames under -60 dB."""
    size = sampling_rate // 50
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    return {
        "duration_s": len(waveform) / sampling_rate,
        "level_db": round(20 * np.log10(level + 1e-9), 3),
        "peak_db": round(20 * np.log10(np.abs(waveform).max() + 1e-9), 3),
        "silent_share": float((np.sqrt(np.mean(frames**2, axis=1)) < 1e-3).mean()),
    }
