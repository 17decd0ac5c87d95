"""Export a checkpoint with a card, which says what 8 bits cost in ZSTE and in cosine."""

from pathlib import Path

import numpy as np

from teminal.clips import Clip, read_clip
from teminal.evaluation.inputs import load_test_clips
from teminal.evaluation.models import load, naming_model_flag
from teminal.evaluation.onnx import GRAPHS
from teminal.evaluation.onnx_export import export_onnx
from teminal.evaluation.options import REPORT, ExportOptions
from teminal.evaluation.zste import run_zste
from teminal.files import hide_paths, read_json, write_json, write_whole
from teminal.rendering import SAMPLING_RATE

N_CLIPS = 64  # whose embeddings are compared
CARD = """---
library_name: onnx
pipeline_tag: zero-shot-audio-classification
{base_model}tags: [audio, clap, onnx]
---

# {name}, in ONNX

Both towers, the temporal head and all that features need of `{name}`, for onnxruntime and NumPy, without torch
({size_mb:.1f} MB). Exported by TeminAL, which refuses graphs whose fp32 embeddings are more than 1e-4 off.

```python
import teminal

model = teminal.load("path/to/this/folder", verify=True)  # compares the embeddings of test_vector.flac
audio = teminal.embed_audio(model, ["x.wav"])
text = teminal.embed_text(model, ["This is a sound of bell before siren."])
```
{int8}"""
INT8 = """
## What 8 bits cost

Matrices are stored in 8 bits, and activations are quantised as they come. Beside the original, on {source}, fold
{folds} ({n_scenes} scenes):

| | original | 8 bits |
|---|---|---|
{rows}

Over {n_clips} clips, the cosine of the embeddings with the original ones is {mean:.4f} on average and at least
{least:.4f}. All figures, with the intervals of ZSTE, are in `zste.json`.
"""
SHOWN = {
    "recognition": "recognition (ZSTE tasks 1 and 2)",
    "temporal": "order (tasks 3 to 5)",
    "task6": "order in other layouts (task 6)",
}


def export_model(options: ExportOptions) -> None:
    """Export a checkpoint, measure what 8 bits cost, and write the card.

    Raises:
        ValueError, OSError: see [`export_onnx`] and `teminal.evaluation.zste.run_zste`.
    """
    folder = options.output_dir
    clips = load_test_clips(options.zste_options([options.model])) if options.int8 else []
    with naming_model_flag("--model"):
        export_onnx(options.model, folder, options.int8)
    int8 = describe_cost(options, clips) if clips else ""
    size_mb = sum((folder / f"{graph}.onnx").stat().st_size for graph in GRAPHS) / 2**20
    is_local = Path(options.model).exists()
    name = Path(options.model).resolve().name if is_local else options.model
    base_model = "" if is_local else f"base_model: {name}\n"
    card = CARD.format(name=name, base_model=base_model, size_mb=size_mb, int8=int8)
    write_whole(folder / "README.md", lambda beside: beside.write_text(card, "utf-8"))
    if not int8:
        (folder / REPORT).unlink(missing_ok=True)  # of an export in 8 bits that was there before
    same = f"its embeddings are those of {options.model}"
    print(f"{folder}: {size_mb:.1f} MB; {'its README.md says what 8 bits cost' if int8 else same}")


def describe_cost(options: ExportOptions, clips: list[Clip]) -> str:
    """Measure the ZSTE of the checkpoint and of its export, and the cosine of their embeddings, for the card."""
    models = [options.model, str(options.output_dir)]
    zste = options.zste_options(models)
    run_zste(zste, clips)
    assert zste.output_json, "[`ExportOptions.zste_options`] names it"
    cosines = measure_cosines(models, clips[:: max(1, len(clips) // N_CLIPS)])
    cosine = {"mean": float(cosines.mean()), "least": float(cosines.min()), "n": len(cosines)}
    report = hide_paths(read_json(zste.output_json)) | {"cosine": cosine}
    write_json(zste.output_json, report)
    figures = report["zste"]
    rows = [
        f"| {shown} | {100 * figures['torch'][name]:.1f} % | {100 * figures['int8'][name]:.1f} % |"
        for name, shown in SHOWN.items()
    ]
    return INT8.format(
        source=options.source,
        folds=" and ".join(map(str, options.folds or [5])),
        n_scenes=options.n_scenes,
        rows="\n".join(rows),
        mean=cosine["mean"],
        least=cosine["least"],
        n_clips=cosine["n"],
    )


def measure_cosines(models: list[str], clips: list[Clip]) -> np.ndarray:
    """Compute the cosine of each clip's embeddings by two models."""
    one, other = (load(model).embed_audio(map(read_clip, clips), SAMPLING_RATE) for model in models)
    return (one * other).sum(1)
