"""Pictures of what a dataset holds."""

import io
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import numpy as np
import pyarrow.parquet as pq
import soundfile
from matplotlib import pyplot
from scipy.signal import ShortTimeFFT

from teminal.rendering import SAMPLING_RATE
from teminal.scenes import VARIANTS

RANGE_DB = 70.0


def plot_group(waveforms: dict[str, np.ndarray], title: str, path: Path) -> None:
    """Spectrograms of the scenes of a group, on the same axes and colours.

    Args:
        waveforms: what to write above a panel, such as the variant and its caption -> (samples,) at 48 kHz.
        path: of the PNG.
    """
    stft = ShortTimeFFT.from_window("hann", SAMPLING_RATE, nperseg=2048, noverlap=1088, scale_to="magnitude")
    power_db = {name: 20 * np.log10(np.abs(stft.stft(waveform)) + 1e-9) for name, waveform in waveforms.items()}
    top_db = max(panel.max() for panel in power_db.values())
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 6), sharex=True, sharey=True, layout="constrained")
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
    pyplot.close(figure)


def plot_first_group(shard: Path, path: Path) -> None:
    """[`plot_group`] of the first rows of a shard."""
    columns = ["audio", "caption", "group_id"]
    rows = pq.ParquetFile(shard).read_row_group(0, columns).slice(0, len(VARIANTS)).to_pylist()
    waveforms = {
        f"{variant}: {row['caption']}": soundfile.read(io.BytesIO(row["audio"]["bytes"]))[0]
        for variant, row in zip(VARIANTS, rows, strict=True)
    }
    plot_group(waveforms, rows[0]["group_id"], path)
