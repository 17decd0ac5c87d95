"""Score a model on ZSTE examples."""

import itertools
from dataclasses import replace

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import ClapProcessor

from eval.zste.zste import zste_figures
from modeling_teminal import TeminalFeatureExtractor, TeminalModel
from teminal.clips import ClipBank
from teminal.evaluation.clap import embed_captions, embed_features
from teminal.evaluation.embeddings import cosine_scores
from teminal.evaluation.tables import BLOCKS, LABELS
from teminal.evaluation.zste_questions import Example
from teminal.rendering import SAMPLING_RATE, SCENE_S, render
from teminal.scenes import Composition

CONTROL_TASKS = ("3A", "3B", "3C")
AUDIOS_AT_ONCE = 64


def distinct_audios(examples: list[Example]) -> list[Composition]:
    """Every audio once, those of one composition group side by side."""
    return sorted({audio for example in examples for audio in example.audios})


def distinct_captions(examples: list[Example]) -> list[str]:
    """Every candidate once, in order of first appearance."""
    return list(
        dict.fromkeys(itertools.chain.from_iterable(dict.fromkeys(example.candidates for example in examples)))
    )


def audio_features(
    bank: ClipBank, examples: list[Example], extractor: TeminalFeatureExtractor, batch_size: int = 32
) -> torch.Tensor:
    """Features of the audios of [`distinct_audios`], (audios, channels, frames, mel bins).

    Raises:
        ValueError: the checkpoint hears less than a scene at once.
    """
    if extractor.nb_max_samples < SCENE_S * extractor.sampling_rate:
        raise ValueError(f"the checkpoint's max_length_s is {extractor.max_length_s}; scenes last {SCENE_S:g} s")
    specs = distinct_audios(examples)
    waveforms = render(specs, bank.loops, bank.raw)
    features = []
    for _ in tqdm(range(0, len(specs), batch_size), desc="ZSTE scenes", unit="batch", leave=False):
        batch = list(itertools.islice(waveforms, batch_size))
        features.append(extractor(batch, sampling_rate=SAMPLING_RATE)["input_features"])
    return torch.cat(features)


def score_examples(
    model: TeminalModel, processor: ClapProcessor, examples: list[Example], features: torch.Tensor, seed: int = 0
) -> dict:
    """Every ZSTE figure of a model, as from [`score_cosines`]; each audio and caption is embedded once.

    `features` are those of [`audio_features`] for the same examples.
    """
    was_training = model.training
    model.eval()
    batches = tqdm(features.split(AUDIOS_AT_ONCE), desc="ZSTE", unit="batch", leave=False)
    audio = torch.cat([embed_features(model, batch) for batch in batches])
    text = embed_captions(model, processor, distinct_captions(examples))
    model.train(was_training)
    return score_cosines(examples, cosine_scores(audio.numpy(), text.numpy()), seed)


def scores_of(asked: list[Example], examples: list[Example], cosines: np.ndarray) -> list[np.ndarray]:
    """The candidates' scores of each example `asked`.

    Args:
        asked: some of `examples`, or such with others' audios.
        examples: those of each sub-task in order of their scenes.
        cosines: (audios, captions), rows in order of [`distinct_audios`] of `examples`, columns of
            [`distinct_captions`].
    """
    row_of = {audio: row for row, audio in enumerate(distinct_audios(examples))}
    column_of = {caption: column for column, caption in enumerate(distinct_captions(examples))}
    columns = {
        candidates: np.array([column_of[caption] for caption in candidates])
        for candidates in {example.candidates for example in examples}
    }
    return [
        cosines[np.ix_([row_of[audio] for audio in example.audios], columns[example.candidates])].ravel()
        for example in asked
    ]


def score_cosines(examples: list[Example], cosines: np.ndarray, seed: int = 0) -> dict:
    """Every ZSTE figure, plus `control_3A` to `control_3C` with the audios permuted among scenes.

    `examples` and `cosines` are those of [`scores_of`]; `seed` is of the bootstrap and the permutation.
    """

    def compute(asked):
        return zste_figures(
            predictions=scores_of(asked, examples, cosines),
            references=[list(example.right) for example in asked],
            tasks=[example.task for example in asked],
            groups=[example.group for example in asked],
            seed=seed,
        )

    result = compute(examples)
    control = compute(permute_audios(examples, seed))
    for task in CONTROL_TASKS:
        for figure in ("", "_ci95", "_chance", "_n"):
            result[f"control_{task}{figure}"] = control[f"{task}{figure}"]
    return result


def permute_audios(examples: list[Example], seed: int) -> list[Example]:
    """The examples of the control tasks, each with the audio of a random scene."""
    rng = np.random.default_rng([seed, 11])
    permuted = []
    for task in CONTROL_TASKS:
        own = [example for example in examples if example.task == task]
        others = [own[i] for i in rng.permutation(len(own))]
        permuted += [replace(example, audios=other.audios) for example, other in zip(own, others, strict=True)]
    return permuted


def format_table(results: dict[str, dict]) -> str:
    """A plain table of accuracies in percent: one row per sub-task and mean, one column per model."""
    first = next(iter(results.values()))
    blocks = [*BLOCKS, [f"control_{task}" for task in CONTROL_TASKS]]
    widths = [max(9, len(name)) for name in results]
    lines = [f"{'ZSTE':>12} {'chance':>7} " + " ".join(map(str.rjust, results, widths))]
    for block in blocks:
        lines.append("")
        for key in block:
            accuracies = [f"{100 * result[key]:.1f}" for result in results.values()]
            accuracies = " ".join(map(str.rjust, accuracies, widths))
            lines.append(f"{key:>12} {100 * first[f'{key}_chance']:7.2f} {accuracies}  {LABELS[key]}")
    return "\n".join(lines)
