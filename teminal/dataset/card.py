"""Write the dataset card (README.md) from build reports, and plot its picture."""

import io
import logging
import statistics
import textwrap
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import soundfile
from datasets import DatasetInfo, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCard, DatasetCardData
from matplotlib.figure import Figure
from scipy.signal import ShortTimeFFT

from teminal.audio import printable
from teminal.dataset.report import REPORT, read_report
from teminal.dataset.rows import row_features
from teminal.files import write_whole
from teminal.licenses import UNKNOWN, strictest
from teminal.rendering import SAMPLING_RATE
from teminal.scenes import VARIANTS

TEMPLATE = Path(__file__).with_name("card.md.jinja")
TITLE = "# Temporal audio-caption pairs"
TERMS = {UNKNOWN: "unknown, because none is given", "other": "other, terms of their own"}
RANGE_DB = 70.0  # of the spectrograms
SIZES = {1e3: "n<1K", 1e4: "1K<n<10K", 1e5: "10K<n<100K", 1e6: "100K<n<1M", 1e7: "1M<n<10M"}

logger = logging.getLogger("teminal")


def dataset_card(reports: dict[str, dict], place: str) -> str:
    """Make the text of README.md, with its YAML header, from a template.

    Args:
        reports: config -> build report; at least one.
        place: argument of `load_dataset` in its example: a Hub id, or the name of the folder of the card.
    """
    ordered = sorted(reports.values(), key=lambda of: (not of["includes_audio"], of["config"] == "zste", of["config"]))
    card = DatasetCard.from_template(
        _header(ordered), str(TEMPLATE), reports=ordered, place=place, terms=TERMS, median=statistics.median
    )
    return card.content


def check_card(output_dir: Path) -> None:
    """Raise a ValueError if the folder has a README.md that was not written here."""
    file = output_dir / "README.md"
    if file.exists() and TITLE not in file.read_text(encoding="utf-8", errors="replace"):
        raise ValueError(f"{file} is not a card of this builder and would be lost: choose another --output_dir")


def write_card(output_dir: Path) -> None:
    """Write the card of all finished configs in a folder."""
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
        language=None if is_unknown else ["en"],  # captions of the user, in any language
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
    """Describe features, splits and sizes as `datasets` does, for the dataset viewer of the Hub."""
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


def plot_group(waveforms: dict[str, np.ndarray], title: str, path: Path) -> None:
    """Plot spectrograms of the variants of a group, on the same axes and colours.

    Args:
        waveforms: title of a panel, such as the variant and its caption -> (samples,) at 48 kHz.
        path: of the PNG.
    """
    stft = ShortTimeFFT.from_window("hann", SAMPLING_RATE, nperseg=2048, noverlap=1088, scale_to="magnitude")
    power_db = {name: 20 * np.log10(np.abs(stft.stft(waveform)) + 1e-9) for name, waveform in waveforms.items()}
    top_db = max(panel.max() for panel in power_db.values())
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for axis, (name, panel) in zip(axes.flat, power_db.items(), strict=True):
        samples = len(waveforms[name])
        image = axis.pcolormesh(
            stft.t(samples), stft.f[1:] / 1000, panel[1:], vmin=top_db - RANGE_DB, vmax=top_db, cmap="magma"
        )
        axis.set_title(textwrap.fill(name, 56), fontsize=10)
    axis.set_xlim(0, samples / SAMPLING_RATE)
    axis.set_yscale("log")
    axis.set_ylim(0.05, SAMPLING_RATE / 2000)
    axis.set_yticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    figure.supxlabel("seconds")
    figure.supylabel("kHz")
    figure.suptitle(title)
    figure.colorbar(image, ax=axes, label="dB")
    figure.savefig(path, dpi=80, format="png")


def plot_first_group(shard: Path, path: Path) -> None:
    """Plot the first group of a shard, see [`plot_group`]."""
    columns = ["audio", "caption", "group_id"]
    rows = pq.ParquetFile(shard).read_row_group(0, columns).slice(0, len(VARIANTS)).to_pylist()
    waveforms = {
        f"{variant}: {row['caption']}": soundfile.read(io.BytesIO(row["audio"]["bytes"]))[0]
        for variant, row in zip(VARIANTS, rows, strict=True)
    }
    plot_group(waveforms, rows[0]["group_id"], path)
