"""Plot a timeline: the spectrogram of a recording, and a bar for each sound below it."""

import itertools
import math
from pathlib import Path

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes

from teminal.evaluation.plots import STYLE, WIDTH_INCH
from teminal.evaluation.windows import decode_file
from teminal.rendering import SAMPLING_RATE
from teminal.search.timeline import Timeline

FRAME = 2048  # samples, each transformed by itself
COLUMNS, ROWS = 1000, 96  # of the spectrogram, at most
LOWEST_HZ, HIGHEST_HZ = 50, 16_000
RANGE_DB = 80


def plot_timeline(path: Path, timeline: Timeline, recording: Path) -> None:
    """Plot to a file of any format that matplotlib writes, such as .png or .pdf."""
    with pyplot.rc_context(STYLE):
        height = 1.6 + 0.22 * len(timeline.labels)
        figure, (above, below) = pyplot.subplots(
            2,
            1,
            figsize=(WIDTH_INCH, height),
            sharex=True,
            layout="constrained",
            height_ratios=[1.3, 0.22 * len(timeline.labels)],
        )
        _draw_spectrogram(above, recording, timeline.duration_s)
        _draw_bars(below, timeline)
        figure.savefig(path)
        pyplot.close(figure)


def _draw_spectrogram(axes: Axes, recording: Path, duration_s: float) -> None:
    decibels, edges_hz = compute_spectrogram(recording, duration_s)
    times_s = np.linspace(0, duration_s, decibels.shape[1] + 1)
    loudest = decibels.max()
    axes.pcolormesh(times_s, edges_hz, decibels, vmin=loudest - RANGE_DB, vmax=loudest, cmap="Greys", rasterized=True)
    axes.set_yscale("log")
    axes.set_yticks([100, 1000, 10_000], ["0.1", "1", "10"])
    axes.set_ylabel("frequency (kHz)")


def compute_spectrogram(recording: Path, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Compute the power of a recording in bands of equal width on a logarithmic scale, a block at a time.

    Returns:
        (ROWS, columns) dB, and the edges of the bands, (ROWS + 1,) Hz.
    """
    n_frames = max(1, math.ceil(duration_s * SAMPLING_RATE / FRAME))
    per_column = math.ceil(n_frames / COLUMNS)
    edges_hz = np.geomspace(LOWEST_HZ, HIGHEST_HZ, ROWS + 1)
    bins = np.maximum.accumulate(np.ceil(edges_hz / SAMPLING_RATE * FRAME).astype(int))
    weights = np.hanning(FRAME).astype(np.float32)
    power = np.zeros((ROWS, math.ceil(n_frames / per_column)))
    held, frame = np.zeros(0, np.float32), 0
    for block in itertools.chain(decode_file(recording), [np.zeros(FRAME, np.float32)]):
        held = np.concatenate([held, block])
        frames, held = np.split(held, [len(held) // FRAME * FRAME])
        spectra = np.abs(np.fft.rfft(frames.reshape(-1, FRAME) * weights)) ** 2
        for spectrum in spectra:
            if frame < n_frames:
                power[:, frame // per_column] += np.add.reduceat(spectrum[: bins[-1]], bins[:-1]) / np.maximum(
                    np.diff(bins), 1
                )
            frame += 1
    return 10 * np.log10(power + 1e-10), edges_hz


def _draw_bars(axes: Axes, timeline: Timeline) -> None:
    row = {label: number for number, label in enumerate(timeline.labels)}
    for event in timeline.events:
        axes.barh(row[event.label], event.end_s - event.start_s, 0.7, event.start_s, color=f"C{row[event.label] % 10}")
    axes.set_yticks(range(len(row)), list(row))
    axes.set_ylim(len(row) - 0.4, -0.6)
    axes.set_xlim(0, timeline.duration_s)
    axes.set_xlabel("time (s)")
    axes.grid(axis="x", alpha=0.4)
