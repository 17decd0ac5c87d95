"""The model in ONNX, by the exporter of torch that follows the graph (`dynamo=True`)."""

import pytest
import torch
from torch.export import Dim

from modeling_teminal import TeminalConfig, TeminalModel

from .test_audio_tower import SMALL, TEXT

pytestmark = pytest.mark.slow
ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class AudioOnnx(torch.nn.Module):
    """Windows, their number in each clip and its duration -> embeddings."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_features, window_counts, num_frames):
        windows = {"window_counts": window_counts, "num_frames": num_frames}
        return self.model.get_audio_features(input_features, **windows).pooler_output


class TextOnnx(torch.nn.Module):
    """Tokens -> embeddings."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model.get_text_features(input_ids, attention_mask).pooler_output


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = TeminalModel(TeminalConfig(audio_config=SMALL, text_config=TEXT, projection_dim=16, temporal_head=True))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def run(module, example, sizes, file, *inputs):
    """Export with dynamic sizes and run on other inputs."""
    torch.onnx.export(module, example, file, dynamo=True, dynamic_shapes=sizes)
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [argument.name for argument in session.get_inputs()]
    (output,) = session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
    return torch.from_numpy(output)


def test_audio_with_windows_and_any_batch(model, tmp_path):
    example = torch.randn(5, 1, 120, 32), torch.tensor([2, 3]), torch.tensor([[200], [300]])
    n_clips = Dim("clips", min=2, max=1024)
    sizes = {0: Dim("windows", min=2, max=4096)}, {0: n_clips}, {0: n_clips}
    inputs = torch.randn(7, 1, 120, 32), torch.tensor([1, 4, 2]), torch.tensor([[50], [450], [130]])
    output = run(AudioOnnx(model), example, sizes, tmp_path / "audio.onnx", *inputs)
    with torch.no_grad():
        expected = AudioOnnx(model)(*inputs)
    assert output.shape == (3, 16)
    assert (output - expected).abs().max() <= 1e-4


def test_text_of_any_length_and_batch(model, tmp_path):
    ids = torch.arange(3, 15).view(2, 6)
    sizes = {0: Dim("captions", min=2, max=1024), 1: Dim("tokens", min=2, max=500)}
    others, mask = torch.arange(3, 27).view(3, 8), torch.ones(3, 8, dtype=torch.long)
    mask[1, 5:] = 0
    output = run(TextOnnx(model), (ids, torch.ones_like(ids)), (sizes, sizes), tmp_path / "text.onnx", others, mask)
    with torch.no_grad():
        expected = model.get_text_features(others, mask).pooler_output
    assert (output - expected).abs().max() <= 1e-4
