"""The dataset card (README.md) and a picture of one group of every config, made from build reports alone."""

import logging
import statistics
from pathlib import Path

from datasets import DatasetInfo, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCardData

from teminal.audio import printable
from teminal.dataset.pictures import plot_first_group
from teminal.dataset.report import REPORT, read_report
from teminal.dataset.rows import row_features
from teminal.files import write_whole
from teminal.licenses import UNKNOWN, strictest

PICTURE = "group.png"
FROM_BESIDE = "\nFrom where the folder `{place}` lies; elsewhere, write the path to it.\n"
TITLE = "# Temporal audio-caption pairs"

logger = logging.getLogger("teminal")

HEAD = Path(__file__).with_name("card_head.md").read_text(encoding="utf-8")

SECTION = """
## Config `{config}`

{about}

{splits}

{skipped}

```bash
{command}
```
{picture}{unseen}
Licence: {license}. {attribution}
{citation}"""

RECIPES = """Recipes without audio: the audio of this source may not be redistributed. Make them whole with your own
copy, `python dataset_scripts/render_dataset.py --recipe_dir {place}/{config} --audio_dir AUDIO --output_dir RENDERED`
(`{place}` downloaded where it is a Hub id)."""
RENDERED = "Rendered from recipes with local audio, which may not be redistributed."
TERMS = {UNKNOWN: "unknown, for nothing is said of it", "other": "other, terms of their own"}
WITH_AUDIO = "Rows with audio, {n_clips} source clips."


def dataset_card(reports: dict[str, dict], place: str) -> str:
    """README.md with its YAML header.

    Args:
        reports: config -> build report; at least one.
        place: what `load_dataset` is to be called with, a Hub id or the name of the folder that the card lies in.
    """
    order = sorted(reports, key=lambda name: (not reports[name]["includes_audio"], name == "zste", name))
    reports = {name: reports[name] for name in order}
    header = _header(reports).to_yaml()
    from_where = "" if "/" in place else FROM_BESIDE.format(place=place)
    split = list(reports[order[0]]["splits"])[-1]
    head = HEAD.format(place=place, from_where=from_where, config=order[0], split=split)
    return f"---\n{header}\n---\n\n{head}" + "".join(_section(report, place) for report in reports.values())


def check_card(output_dir: Path) -> None:
    """Raise a ValueError if the folder has a README.md that is not ours to write."""
    file = output_dir / "README.md"
    if file.exists() and TITLE not in file.read_text(encoding="utf-8", errors="replace"):
        raise ValueError(f"{file} is not a card of this builder and would be lost: choose another --output_dir")


def write_card(output_dir: Path) -> None:
    """Write the card of a folder's finished configs, and draw a picture of those with audio that have none yet."""
    reports = {}
    for folder in sorted(file.parent for file in output_dir.glob(f"*/{REPORT}")):
        try:
            reports[folder.name] = report = read_report(folder)
        except ValueError as error:
            logger.warning("%s; left out of README.md", error)
            continue
        if report["includes_audio"] and not _is_newer(folder / PICTURE, folder / REPORT):
            shard = next(iter(report["splits"].values()))["shards"][0]["file"]
            write_whole(folder / PICTURE, lambda file, shard=folder / shard: plot_first_group(shard, file))
    card = dataset_card(reports, printable(output_dir.resolve().name))
    write_whole(output_dir / "README.md", lambda file: file.write_text(card, encoding="utf-8"))


def _is_newer(file: Path, other: Path) -> bool:
    return file.is_file() and file.stat().st_mtime_ns >= other.stat().st_mtime_ns


def _header(reports: dict[str, dict]) -> DatasetCardData:
    configs = [
        {
            "config_name": name,
            "data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in report["splits"]],
        }
        for name, report in reports.items()
    ]
    configs[0]["default"] = True
    n_rows = sum(split["rows"] for report in reports.values() for split in report["splits"].values())
    license = strictest(report["license"] for report in reports.values())
    named = {"license_name": "see-card"} if license == "other" else {}
    originals = all(report["source"] in ("synthetic", "folder") for report in reports.values())
    is_unknown = any(report["source"] == "folder" and report.get("captioned", False) for report in reports.values())
    data = DatasetCardData(
        language=None if is_unknown else ["en"],  # people's own captions of a folder
        license=license,
        **named,
        pretty_name="Temporal audio-caption pairs",
        size_categories=[_size_category(n_rows)],
        source_datasets=["original" if originals else "extended"],
        task_categories=["audio-classification", "feature-extraction"],
        tags=["audio", "temporal", "clap", "contrastive", "teminal"],
        configs=configs,
    )
    infos = DatasetInfosDict({name: _dataset_info(name, report) for name, report in reports.items()})
    infos.to_dataset_card_data(data)
    return data


def _dataset_info(name: str, report: dict) -> DatasetInfo:
    """Features, splits and sizes, for the Hub's viewer: as `datasets` would write them."""
    splits = {
        split: SplitInfo(split, num_bytes=_total(content, "num_bytes"), num_examples=content["rows"])
        for split, content in report["splits"].items()
    }
    return DatasetInfo(
        config_name=name,
        features=row_features(report["includes_audio"]),
        splits=SplitDict(splits),
        download_size=sum(_total(content, "bytes") for content in report["splits"].values()),
        dataset_size=sum(split.num_bytes for split in splits.values()),
    )


def _total(split: dict, of: str) -> int:
    """Of all shards; those of reports from before sizes were counted have none."""
    return sum(shard.get(of, 0) for shard in split["shards"])


def _size_category(n_rows: int) -> str:
    edges = {1e3: "n<1K", 1e4: "1K<n<10K", 1e5: "10K<n<100K", 1e6: "100K<n<1M", 1e7: "1M<n<10M"}
    return next((name for edge, name in edges.items() if n_rows < edge), "10M<n<100M")


def _section(report: dict, place: str) -> str:
    config, pairs = report["config"], report["unseen_pairs"]
    about = RENDERED if report.get("rendered") else WITH_AUDIO if report["includes_audio"] else RECIPES
    picture = f"\n![one group]({config}/{PICTURE})\n" if report["includes_audio"] else ""
    unseen = "; ".join(" + ".join(pair) for pair in pairs)
    summary = f"<summary>{len(pairs)} pairs of classes that never occur in training</summary>"
    citation = f"\n```bibtex\n{report['citation'].strip()}\n```\n" if report["citation"] else ""
    skipped = [f"{len(clips)} {reason}" for reason, clips in report["skipped"].items()]
    return SECTION.format(
        about=about.format(place=place, config=config, n_clips=report["n_clips"]),
        splits=_split_table(report["splits"]),
        skipped=f"Skipped clips, named in `{config}/{REPORT}`: {', '.join(skipped)}." if skipped else "None skipped.",
        picture=picture,
        unseen=f"\n<details>{summary}\n\n{unseen}\n\n</details>\n" if pairs else "",
        citation=citation,
        license=TERMS.get(report["license"], report["license"]),
        **{name: report[name] for name in ("config", "command", "attribution")},
    )


def _split_table(splits: dict[str, dict]) -> str:
    """Rows, hours, and in how many rows the rarest, the median and the commonest label is."""
    lines = [
        "| split | rows | hours | labels | events of a label: min, median, max | relations |",
        "|---|---|---|---|---|---|",
    ]
    for name, split in splits.items():
        counts = list(split["labels"].values())
        balance = f"{min(counts)}, {statistics.median(counts):g}, {max(counts)}"
        relations = ", ".join(f"{relation} {count}" for relation, count in split["relations"].items())
        lines.append(f"| {name} | {split['rows']} | {split['hours']:.1f} | {len(counts)} | {balance} | {relations} |")
    return "\n".join(lines)
