"""Check a built dataset for leaks, wrong captions and shortcuts; exit code 1 if something is found.

python dataset_scripts/check_dataset.py datasets/esc50
python dataset_scripts/check_dataset.py --source folder --audio_dir SOUNDS   (clips, before anything is made of them)
"""

import argparse
import hashlib
import io
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from teminal.endings import errors_in_one_line, interrupts_in_one_line

if __name__ == "__main__":
    interrupts_in_one_line("check_dataset.py")

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from tqdm import tqdm

from teminal.clip_report import describe_clips, find_problems, inspect_clips
from teminal.dataset import checks
from teminal.dataset.report import read_report
from teminal.files import file_sha256
from teminal.sources import add_source_options, load_clips, source_names
from teminal.tables import check_columns

SHOWN = 5  # findings of one check
MIN_GROUPS = 10
CLIP_OPTIONS = ("esc50_dir", "audio_dir", "captions_dir", "dataset_name", "recording_from_name")
CHECKS = {  # and when they cannot be made
    **dict.fromkeys(("shards", "sources", "held-out pairs", "captions", "groups", "duplicates"), ""),
    "variants": "there is no audio",
    "relation": f"there is no audio, or fewer than {MIN_GROUPS} groups",
}


def read_rows(folder: Path) -> list[dict]:
    """All rows, with shallow features and a hash in place of the audio.

    Raises:
        ValueError: the folder holds no such dataset, or a shard of it cannot be read.
    """
    shards = sorted(folder.glob("*.parquet"))
    if not shards:
        raise ValueError(f"{folder}: no Parquet shards in it; point at the folder of one config")
    from teminal.dataset.rows import row_features

    rows = []
    with tqdm(desc="read", unit="row") as bar, ThreadPoolExecutor() as pool:
        for shard in shards:
            try:
                file = pq.ParquetFile(shard)
                schema = row_features(includes_audio="audio" in file.schema_arrow.names).arrow_schema
                check_columns(shard, file.schema_arrow.names, tuple(schema.names))
                for batch in file.iter_batches(batch_size=32, columns=schema.names):
                    table = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
                    rows += pool.map(without_audio, table.to_pylist())
                    bar.update(len(batch))
            except (pa.ArrowException, soundfile.LibsndfileError) as error:
                raise ValueError(f"{shard}: damaged: {error}") from error
    return rows


def without_audio(row: dict) -> dict:
    for name, value in row.items():
        if value is None and name not in ("fold", "seen_pair"):
            raise ValueError(f"group {row['group_id']}, variant {row['variant']}: its {name} is missing")
    if "audio" not in row:
        return row
    content = row.pop("audio")["bytes"] or b""
    waveform, sampling_rate = soundfile.read(io.BytesIO(content), dtype="float32")
    return {
        **row,
        "audio_sha256": hashlib.sha256(content).hexdigest(),
        **checks.shallow_features(waveform, sampling_rate),
    }


def changed_shards(folder: Path, report: dict) -> Iterator[str]:
    """Shards that are not those of the report."""
    told = {shard["file"]: shard["sha256"] for split in report["splits"].values() for shard in split["shards"]}
    found = {path.name: file_sha256(path) for path in folder.glob("*.parquet")}
    for name in sorted(told | found):
        if told.get(name) != found.get(name):
            how = "missing" if name not in found else "not in the report" if name not in told else "changed"
            yield f"shard {how}: {name}"


def findings(rows: list[dict], unseen_pairs: list) -> dict[str, list[str]]:
    """Check -> what it found."""
    found = {
        "sources": checks.leaked_sources(rows),
        "held-out pairs": checks.unseen_in_training(rows, unseen_pairs),
        "captions": checks.wrong_captions(rows),
        "groups": checks.broken_groups(rows),
        "duplicates": checks.duplicate_rows(rows),
    }
    if "duration_s" in rows[0]:
        found["variants"] = checks.unequal_variants(rows)
        if len({row["group_id"] for row in rows}) >= MIN_GROUPS:
            found["relation"] = checks.relation_tells(rows)
    return {name: list(lines) for name, lines in found.items()}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, nargs="?", help="folder of one config")
    parser.add_argument("--source", choices=source_names(), help="check its clips instead of a built dataset")
    add_source_options(parser, CLIP_OPTIONS)
    return parser


def check_clips(source: str, options: dict) -> bool:
    """Print what a source holds and what is in the way; whether nothing is."""
    found = inspect_clips([clip for clip in load_clips(source, **options) if clip.audio])
    print("\n".join(describe_clips(found)))
    problems = list(find_problems(found))
    print("\n".join([f"problems: {len(problems)}", *(f"  {line}" for line in problems)]) if problems else "fine")
    return not problems


def check_built(folder: Path) -> bool:
    """Print what each check found in a built config; whether it was nothing."""
    rows = read_rows(folder)
    report = read_report(folder)
    found = {"shards": list(changed_shards(folder, report)), **findings(rows, report["unseen_pairs"])}
    for name in CHECKS:
        if name not in found:
            print(f"{name}: not checked, {CHECKS[name]}")
            continue
        lines = found[name]
        print(f"{name}: {'fine' if not lines else f'{len(lines)} problems'}")
        for line in lines[:SHOWN]:
            print(f"  {line}")
    return not any(found.values())


def main() -> None:
    args = make_parser().parse_args()
    options = {name: getattr(args, name) for name in CLIP_OPTIONS}
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    with errors_in_one_line("check_dataset.py", ValueError, OSError):
        if bool(args.path) == bool(args.source) or (args.path and any(options.values())):
            raise ValueError("give the folder of a built config, or --source with its folders")
        is_fine = check_clips(args.source, options) if args.source else check_built(args.path)
    sys.exit(0 if is_fine else f"check_dataset.py: {args.path or args.source}: faulty")


if __name__ == "__main__":
    main()
