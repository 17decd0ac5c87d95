"""Write the dataset card (README.md) from build reports alone."""

import logging
import statistics
from pathlib import Path

from datasets import DatasetInfo, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCard, DatasetCardData

from teminal.audio import printable
from teminal.dataset.report import REPORT, read_report
from teminal.dataset.rows import row_features
from teminal.files import write_whole
from teminal.licenses import UNKNOWN, strictest

TEMPLATE = Path(__file__).with_name("card.md.jinja")
TITLE = "# Temporal audio-caption pairs"
TERMS = {UNKNOWN: "unknown, for nothing is said of it", "other": "other, terms of their own"}
SIZES = {1e3: "n<1K", 1e4: "1K<n<10K", 1e5: "10K<n<100K", 1e6: "100K<n<1M", 1e7: "1M<n<10M"}

logger = logging.getLogger("teminal")


def dataset_card(reports: dict[str, dict], place: str) -> str:
    """Fill the template of README.md, with its YAML header.

    Args:
        reports: config -> build report; at least one.
        place: what `load_dataset` is to be called with, a Hub id or the name of the folder that the card lies in.
    """
    ordered = sorted(reports.values(), key=lambda of: (not of["includes_audio"], of["config"] == "zste", of["config"]))
    card = DatasetCard.from_template(
        _header(ordered), str(TEMPLATE), reports=ordered, place=place, terms=TERMS, median=statistics.median
    )
    return card.content


def check_card(output_dir: Path) -> None:
    """Raise a ValueError if the folder has a README.md that is not ours to write."""
    file = output_dir / "README.md"
    if file.exists() and TITLE not in file.read_text(encoding="utf-8", errors="replace"):
        raise ValueError(f"{file} is not a card of this builder and would be lost: choose another --output_dir")


def write_card(output_dir: Path) -> None:
    """Write the card of a folder's finished configs."""
    reports = {}
    for file in sorted(output_dir.glob(f"*/{REPORT}")):
        try:
            reports[file.parent.name] = read_report(file.parent)
        except ValueError as error:
            logger.warning("%s; left out of README.md", error)
    card = dataset_card(reports, printable(output_dir.resolve().name))
    write_whole(output_dir / "README.md", lambda file: file.write_text(card, encoding="utf-8"))


def _header(reports: list[dict]) -> DatasetCardData:
    configs = [
        {
            "config_name": report["config"],
            "data_files": [
                {"split": name, "path": f"{report['config']}/{name}-*.parquet"} for name in report["splits"]
            ],
        }
        for report in reports
    ]
    configs[0]["default"] = True
    n_rows = sum(split["rows"] for report in reports for split in report["splits"].values())
    license = strictest(report["license"] for report in reports)
    originals = all(report["source"] in ("synthetic", "folder") for report in reports)
    is_unknown = any(report["source"] == "folder" and report.get("captioned", False) for report in reports)
    data = DatasetCardData(
        language=None if is_unknown else ["en"],  # people's own captions of a folder
        license=license,
        license_name="see-card" if license == "other" else None,
        pretty_name="Temporal audio-caption pairs",
        size_categories=[next((name for edge, name in SIZES.items() if n_rows < edge), "10M<n<100M")],
        source_datasets=["original" if originals else "extended"],
        task_categories=["audio-classification", "feature-extraction"],
        tags=["audio", "temporal", "clap", "contrastive", "teminal"],
        configs=configs,
    )
    DatasetInfosDict({report["config"]: _dataset_info(report) for report in reports}).to_dataset_card_data(data)
    return data


def _dataset_info(report: dict) -> DatasetInfo:
    """Say features, splits and sizes, for the Hub's viewer: as `datasets` would write them."""
    shards = {name: split["shards"] for name, split in report["splits"].items()}
    num_bytes = {name: sum(shard.get("num_bytes", 0) for shard in found) for name, found in shards.items()}
    splits = {name: SplitInfo(name, num_bytes[name], split["rows"]) for name, split in report["splits"].items()}
    return DatasetInfo(
        config_name=report["config"],
        features=row_features(report["includes_audio"]),
        splits=SplitDict(splits),
        download_size=sum(shard.get("bytes", 0) for found in shards.values() for shard in found),
        dataset_size=sum(num_bytes.values()),
    )
