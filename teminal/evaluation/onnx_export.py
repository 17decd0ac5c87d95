"""Export a CLAP checkpoint to ONNX, and refuse what does not give the model's embeddings."""

import json
import logging
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from teminal.evaluation.checkpoints import require_library
from teminal.evaluation.clap import Clap
from teminal.evaluation.onnx import GRAPHS, ONNX_FILE, OnnxModel
from teminal.evaluation.onnx_graphs import write_graphs
from teminal.evaluation.test_vectors import CAPTION, generate_sound, write_test_vector
from teminal.files import write_whole
from teminal.rendering import SAMPLING_RATE

MOST_OFF = 1e-4  # of a number of an embedding, which has length 1
CAPTIONS = [CAPTION, "rain", "This is a sound of dog barking and, for a while, of rain on a tin roof."]


def export_onnx(model_name_or_path: str, output_dir: Path, int8: bool = False) -> None:
    """Write a folder that [`OnnxModel`] loads, with a test vector.

    Args:
        int8: store the matrices of both towers in 8 bits, after the check in fp32; activations are quantised as they
            come.

    Raises:
        ValueError: a library is missing, the checkpoint cannot be loaded, or what was exported gives other embeddings.
    """
    for library in ("onnxscript", "onnxruntime"):
        require_library(library, "'teminal[onnx]'")
    clap = Clap(model_name_or_path)
    clap.model.to("cpu")  # type: ignore[arg-type]  # transformers hides the type of `to`
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_graphs(clap.model, clap.processor, folder)
        write_about(clap, folder, clap.identity)
        exported = OnnxModel(temporary)
        require_same_embeddings(clap, exported)
        if int8:
            quantize(folder)
            write_about(clap, folder, f"{clap.identity}, int8")
            exported = OnnxModel(temporary)
        write_test_vector(folder, exported.embed_audio, exported.embed_text)
        output_dir.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.iterdir()):
            write_whole(output_dir / file.name, partial(shutil.copyfile, file))


def quantize(folder: Path) -> None:
    """Replace the graphs by ones with matrices in 8 bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # advice to optimise the graphs first, which brings nothing here
    try:
        for graph in GRAPHS:
            file = folder / f"{graph}.onnx"
            quantize_dynamic(file, file.with_suffix(".int8"), weight_type=QuantType.QInt8)
            file.with_suffix(".int8").replace(file)
    finally:
        logging.disable(logging.NOTSET)


def write_about(clap: Clap, folder: Path, identity: str) -> None:
    """Write what preprocessing needs: the tokenizer, the mel filters, and `onnx.json`."""
    extractor, tokenizer = clap.processor.feature_extractor, clap.processor.tokenizer
    is_fused = extractor.truncation == "fusion"
    filters = extractor.mel_filters if is_fused else extractor.mel_filters_slaney
    np.save(folder / "mel_filters.npy", filters.astype(np.float32))
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))
    about = {
        "sampling_rate": extractor.sampling_rate,
        "window_samples": extractor.nb_max_samples,
        "hop_length": extractor.hop_length,
        "n_fft": extractor.fft_window_size,
        "padding": extractor.padding,
        "is_fused": is_fused,
        "longest_caption": tokenizer.model_max_length,
        "pad_token_id": tokenizer.pad_token_id,
        "identity": identity,
    }
    (folder / ONNX_FILE).write_text(json.dumps(about, indent=2) + "\n", "utf-8")


def require_same_embeddings(clap: Clap, exported: OnnxModel) -> None:
    """Check the exported model on clips of 0.7 to 25 s and on captions.

    Raises:
        ValueError: a number of an embedding is more than `MOST_OFF` off.
    """
    sound = generate_sound()
    noise = np.random.default_rng(0).standard_normal(25 * SAMPLING_RATE, np.float32) / 10
    clips = [sound[:33_000], sound, np.concatenate([sound, noise]), noise[: 10 * SAMPLING_RATE], noise]
    pairs = {
        "audio": (clap.embed_audio(clips, SAMPLING_RATE), exported.embed_audio(clips, SAMPLING_RATE)),
        "text": (clap.embed_text(CAPTIONS), exported.embed_text(CAPTIONS)),
    }
    for kind, (ours, theirs) in pairs.items():
        off = np.abs(ours - theirs).max()
        if not off <= MOST_OFF:
            raise ValueError(
                f"the exported model is refused: its {kind} embeddings are {off:.2g} off, not {MOST_OFF:g}"
            )
