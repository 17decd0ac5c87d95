"""Compute the features of clips of any lengths, and keep them as the windows of all clips, without padding."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from modeling_teminal import TeminalFeatureExtractor
from teminal.rendering import SAMPLING_RATE


@dataclass(frozen=True)
class ClipFeatures:
    """Features of B clips, cut into W windows.

    Attributes:
        windows: (W, channels, frames, mel bins) log-mel in dB, clip after clip.
        window_counts: (B,) long, windows of each clip, at least 1; always on the CPU.
        num_frames: (B, 1) long, duration of each clip in hops.
    """

    windows: torch.Tensor
    window_counts: torch.Tensor
    num_frames: torch.Tensor

    def __len__(self) -> int:
        return len(self.window_counts)

    def __getitem__(self, rows: slice) -> "ClipFeatures":
        """Take some clips, next to one another."""
        first, _, _ = rows.indices(len(self))
        start, counts = int(self.window_counts[:first].sum()), self.window_counts[rows]
        return ClipFeatures(self.windows[start : start + int(counts.sum())], counts, self.num_frames[rows])

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.windows.nbytes + self.window_counts.nbytes + self.num_frames.nbytes

    def to(self, device: torch.device) -> "ClipFeatures":
        """Move windows and durations to a device."""
        return ClipFeatures(self.windows.to(device), self.window_counts, self.num_frames.to(device))

    def split(self, n_parts: int) -> Iterator["ClipFeatures"]:
        """Split into at most `n_parts` parts of about as many windows each; no clip is divided."""
        starts = self.window_counts.cumsum(0) - self.window_counts
        parts = torch.div(starts * n_parts, len(self.windows), rounding_mode="floor")
        start = 0
        for size in parts.unique_consecutive(return_counts=True)[1].tolist():
            yield self[start : start + size]
            start += size

    def model_inputs(self) -> dict[str, torch.Tensor]:
        """Get the audio arguments of [`TeminalModel`]."""
        is_longer = torch.zeros(len(self.windows), 1, dtype=torch.bool, device=self.windows.device)
        inputs = {"input_features": self.windows, "is_longer": is_longer, "num_frames": self.num_frames}
        if len(self.windows) > len(self):
            inputs["window_counts"] = self.window_counts.to(self.windows.device)
        return inputs


def compute_features(extractor: TeminalFeatureExtractor, waveforms: Iterable[Any]) -> ClipFeatures:
    """Compute the features of groups of waveforms of any lengths at 48 kHz, on their device."""
    clips, num_frames = [], []
    for group in waveforms:
        features, frames = extractor.windows(group, sampling_rate=SAMPLING_RATE)
        clips += features
        num_frames.append(frames)
    return ClipFeatures(torch.cat(clips), torch.tensor([len(clip) for clip in clips]), torch.cat(num_frames))
