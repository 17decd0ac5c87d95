"""Score a model on ZSTE examples."""

from pathlib import Path

import evaluate
import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import ClapProcessor

from dataset_scripts.bank import ClipBank
from dataset_scripts.compose import EVENT_S, SAMPLING_RATE
from eval.encoder import embed_audio, embed_text
from eval.zste_scenes import Example, render
from modeling_teminal import TeminalFeatureExtractor, TeminalModel

CONTROL_TASKS = ("3A", "3B", "3C")
SCENE_S = 2 * EVENT_S


def audio_features(
    bank: ClipBank, examples: list[Example], extractor: TeminalFeatureExtractor, batch_size: int = 32
) -> torch.Tensor:
    """Features of every distinct audio, (audios, channels, frames, mel bins), in order of first appearance.

    Raises:
        ValueError: the checkpoint hears less than a scene at once.
    """
    if extractor.nb_max_samples < SCENE_S * extractor.sampling_rate:
        raise ValueError(f"the checkpoint's max_length_s is {extractor.max_length_s}; scenes last {SCENE_S:g} s")
    specs = list(dict.fromkeys(example.audio for example in examples))
    features = []
    for start in tqdm(range(0, len(specs), batch_size), desc="ZSTE scenes", unit="batch", leave=False):
        waveforms = [render(bank, spec) for spec in specs[start : start + batch_size]]
        features.append(extractor(waveforms, sampling_rate=SAMPLING_RATE)["input_features"])
    return torch.cat(features)


def score_examples(
    model: TeminalModel, processor: ClapProcessor, examples: list[Example], features: torch.Tensor, seed: int = 0
) -> dict:
    """Every ZSTE figure of a model, plus `control_3A` to `control_3C` with the audios permuted among scenes.

    `features` are those of [`audio_features`] for the same examples; each audio and caption is embedded once.
    """
    audio_rows = {spec: row for row, spec in enumerate(dict.fromkeys(example.audio for example in examples))}
    captions = list(dict.fromkeys(caption for example in examples for caption in example.candidates))
    caption_rows = {caption: row for row, caption in enumerate(captions)}
    was_training = model.training
    model.eval()
    cosine = embed_audio(model, features) @ embed_text(model, processor, captions).T
    model.train(was_training)

    metric = evaluate.load(str(Path(__file__).parent / "zste"))
    own_audio = [audio_rows[example.audio] for example in examples]
    result = _compute(metric, examples, own_audio, cosine, caption_rows, seed)

    rng = np.random.default_rng([seed, 11])
    controls = [i for i, example in enumerate(examples) if example.task in CONTROL_TASKS]
    permuted = list(own_audio)
    for task in CONTROL_TASKS:
        places = [i for i in controls if examples[i].task == task]
        for place, other in zip(places, rng.permutation(places).tolist(), strict=True):
            permuted[place] = own_audio[other]
    control = _compute(
        metric, [examples[i] for i in controls], [permuted[i] for i in controls], cosine, caption_rows, seed
    )
    for task in CONTROL_TASKS:
        for figure in ("", "_ci95", "_chance", "_n"):
            result[f"control_{task}{figure}"] = control[f"{task}{figure}"]
    return result


def _compute(metric, examples, audio, cosine, caption_rows, seed):
    scores = [
        cosine[row, [caption_rows[caption] for caption in example.candidates]].tolist()
        for row, example in zip(audio, examples, strict=True)
    ]
    return metric.compute(
        predictions=scores,
        references=[list(example.right) for example in examples],
        tasks=[example.task for example in examples],
        groups=[example.group for example in examples],
        seed=seed,
    )


def format_table(results: dict[str, dict]) -> str:
    """A plain table of accuracies in percent: one row per sub-task and mean, one column per model."""
    first = next(iter(results.values()))
    rows = [key for key in first if f"{key}_ci95" in first]
    lines = [f"{'ZSTE':>12} {'chance':>7} " + " ".join(f"{name:>9}" for name in results)]
    for key in rows:
        chance = 100 * first[f"{key}_chance"]
        lines.append(
            f"{key:>12} {chance:>7.1f} " + " ".join(f"{100 * result[key]:9.1f}" for result in results.values())
        )
    return "\n".join(lines)
