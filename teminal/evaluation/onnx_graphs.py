"""Write the graphs of an exported model: of windows, of clips and of captions, any number of each."""

import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.export import Dim

from modeling_teminal import TeminalModel, TeminalProcessor
from modeling_teminal.clip_time_teminal import measure_durations

MOST = 2**16  # windows, clips or captions in a batch


class WindowsGraph(nn.Module):
    """Log-mel windows (W, channels, frames, mel bins) -> pooled (W, C), over time (W, C, T)."""

    def __init__(self, model: TeminalModel):
        super().__init__()
        self.model = model

    def forward(self, input_features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        is_longer = torch.zeros(input_features.shape[0], 1, dtype=torch.bool)
        return self.model.encode_windows(input_features, is_longer)


class ClipsGraph(nn.Module):
    """What is heard in the windows of clips, their numbers (B,) and durations in hops (B,) -> embeddings (B, D)."""

    def __init__(self, model: TeminalModel, frames: int):
        super().__init__()
        self.model, self.frames = model, frames

    def forward(
        self, pooled: torch.Tensor, over_time: torch.Tensor, window_counts: torch.Tensor, num_frames: torch.Tensor
    ) -> torch.Tensor:
        durations = measure_durations(num_frames, window_counts, pooled.shape[0], self.frames)
        return self.model.combine_windows(pooled, over_time, window_counts, durations)


class TextGraph(nn.Module):
    """Tokens (T, L) -> embeddings (T, D)."""

    def __init__(self, model: TeminalModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model.get_text_features(input_ids, attention_mask).pooler_output


@torch.inference_mode()
def write_graphs(model: TeminalModel, processor: TeminalProcessor, folder: Path) -> None:
    """Write `windows.onnx`, `clips.onnx` and `text.onnx`."""
    extractor = processor.feature_extractor
    noise = list(torch.randn(5, extractor.nb_max_samples, generator=torch.Generator().manual_seed(0)) / 10)
    features = extractor(noise, sampling_rate=extractor.sampling_rate)["input_features"]
    pooled, over_time = model.encode_windows(features, torch.zeros(5, 1, dtype=torch.bool))
    n_frames = features.shape[2]
    counts = torch.tensor([2, 3])  # of windows in two clips
    ids = torch.full((2, 6), 5)

    windows, clips, captions = (Dim(name, min=1, max=MOST) for name in ("windows", "clips", "captions"))
    tokens = Dim("tokens", min=2, max=processor.tokenizer.model_max_length)
    _write(
        WindowsGraph(model),
        folder / "windows.onnx",
        {"input_features": features},
        {"input_features": {0: windows}},
        ["pooled", "over_time"],
    )
    _write(
        ClipsGraph(model, n_frames),
        folder / "clips.onnx",
        {"pooled": pooled, "over_time": over_time, "window_counts": counts, "num_frames": counts * (n_frames - 1)},
        {"pooled": {0: windows}, "over_time": {0: windows}, "window_counts": {0: clips}, "num_frames": {0: clips}},
        ["embeds"],
    )
    _write(
        TextGraph(model),
        folder / "text.onnx",
        {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        {"input_ids": {0: captions, 1: tokens}, "attention_mask": {0: captions, 1: tokens}},
        ["embeds"],
    )


def _write(
    graph: nn.Module, file: Path, example: dict[str, torch.Tensor], sizes: dict[str, Any], outputs: list[str]
) -> None:
    logging.getLogger("torch.onnx").setLevel(
        logging.ERROR
    )  # it says that torchvision, which is not needed, is missing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the names of axes
        torch.onnx.export(
            graph.eval(),
            kwargs=example,
            f=file,
            dynamo=True,
            dynamic_shapes=sizes,
            input_names=list(example),
            output_names=outputs,
            external_data=False,
            verbose=False,
        )
