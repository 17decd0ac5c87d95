"""Small finished builds, made by hand, and what is there of them on a Hub on localhost."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from teminal.dataset.report import report_shard
from teminal.dataset.rows import encode_flac, row_features
from teminal.scenes import VARIANTS

from .hub import Hub

ID = "me/sounds"
KEY = f"datasets/{ID}"
SPLITS = ("train", "validation", "test")


def make_rows(config: str, split: str, number: int, includes_audio: bool) -> list[dict]:
    """The four rows of a group; each has noise of its own."""
    rng = np.random.default_rng([len(config), SPLITS.index(split), number])
    rows = []
    for code, relation in enumerate(("single", "before", "after", "while")):
        row = {
            "caption": f"siren {relation} wind",
            "relation": relation,
            "variant": code,
            "group_id": f"{config}-{split}-{number:06d}",
            "events": [{"label": "siren", "clip": "1.wav", "onset_s": 0.0, "duration_s": 5.0}],
            "background": None,
            "split": split,
            "fold": 1,
            "seen_pair": True,
            "license": "cc-by-3.0",
            "attribution": "somebody",
        }
        if includes_audio:
            noise = 0.1 * rng.standard_normal(4800)
            row["audio"] = {"bytes": encode_flac(noise), "path": f"{VARIANTS[code]}.flac"}
        else:
            row["render"] = {
                "clips": ["1.wav"],
                "start_s": [0],
                "offsets": [0],
                "snr_db": 0.0,
                "duration_s": 10.0,
                "slots": [],
            }
        rows.append(row)
    return rows


def make_build(output_dir: Path, config: str, n_shards: int = 2, includes_audio: bool = True, **report) -> dict:
    """A folder as a build leaves it, with shards of one group each, and its report."""
    folder = output_dir / config
    folder.mkdir(parents=True)
    schema = row_features(includes_audio).arrow_schema
    splits = {}
    for split in SPLITS:
        shards = []
        for number in range(n_shards):
            name = f"{split}-{number:05d}-of-{n_shards:05d}.parquet"
            rows = make_rows(config, split, number, includes_audio)
            pq.write_table(pa.Table.from_pylist(rows, schema), folder / name)
            shards.append(report_shard(folder / name))
        splits[split] = {
            "rows": 4 * n_shards,
            "hours": 0.01,
            "relations": {"before": n_shards},
            "labels": {"siren": 7, "wind": 3},
            "shards": shards,
        }
    whole = {
        "config": config,
        "source": config,
        "command": f"python dataset_scripts/build_dataset.py --source {config} --output_dir OUT",
        "includes_audio": includes_audio,
        "license": "cc-by-nc-3.0",
        "attribution": "Somebody's sounds.",
        "citation": "",
        "n_clips": 5,
        "skipped": {},
        "unseen_pairs": [],
        "splits": splits,
        **report,
    }
    (folder / "build_report.json").write_text(json.dumps(whole))
    return whole


def shards(hub: Hub, config: str) -> set[str]:
    return {name for name in hub.repos[KEY].files("main") if name.startswith(f"{config}/") and "parquet" in name}


def shards_of(report: dict) -> set[str]:
    return {f"{report['config']}/{shard['file']}" for split in report["splits"].values() for shard in split["shards"]}


def uploads(hub: Hub) -> list[str]:
    return [request for request in hub.requests if request.startswith("PUT /upload/")]
