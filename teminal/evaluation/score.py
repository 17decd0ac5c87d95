"""Turn embeddings into ZSTE figures; the rules and chance levels are in `eval/zste/zste.py`, which this loads."""

import itertools
import math
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm
from transformers import ClapProcessor

from modeling_teminal import TeminalFeatureExtractor, TeminalModel
from teminal.clips import ClipBank
from teminal.evaluation.clap import embed_captions, embed_features
from teminal.evaluation.embeddings import cosine_scores
from teminal.evaluation.statistics import Figures
from teminal.evaluation.windows import in_batches
from teminal.evaluation.zste_questions import Example
from teminal.features import ClipFeatures, compute_features
from teminal.rendering import render
from teminal.scenes import Composition

CONTROL_TASKS = ("3A", "3B", "3C")
WINDOWS_AT_ONCE = 64

# the metric is self-contained in eval/zste; a wheel has a copy of it beside this file
_copy = Path(__file__).with_name("zste_metric.py")
_file = _copy if _copy.exists() else Path(__file__).parents[2] / "eval" / "zste" / "zste.py"
_loader = SourceFileLoader("teminal.evaluation.zste_metric", str(_file))
_metric = ModuleType(_loader.name)
_loader.exec_module(_metric)
judge_examples, compute_figures = _metric.judge_examples, _metric.compute_figures
is_right, chance_level = _metric.is_right, _metric.chance_level


def distinct_audios(examples: list[Example]) -> list[Composition]:
    """List every audio once, those of a group side by side."""
    return sorted({audio for example in examples for audio in example.audios})


def distinct_captions(examples: list[Example]) -> list[str]:
    """List every candidate caption once, in order of first appearance."""
    asked = dict.fromkeys(example.candidates for example in examples)
    return list(dict.fromkeys(itertools.chain.from_iterable(asked)))


class CosineTable:
    """Cosines of audios and captions, read by example.

    Args:
        examples: all that will be read.
        cosines: (audios, captions) of [`distinct_audios`] and [`distinct_captions`] of the examples.
    """

    def __init__(self, examples: list[Example], cosines: np.ndarray):
        self.cosines = cosines
        self.row_of = {audio: row for row, audio in enumerate(distinct_audios(examples))}
        column_of = {caption: column for column, caption in enumerate(distinct_captions(examples))}
        self.columns_of = {
            candidates: np.array([column_of[caption] for caption in candidates])
            for candidates in {example.candidates for example in examples}
        }

    def read(self, example: Example) -> np.ndarray:
        """Read (audios * candidates,) scores, audio after audio."""
        rows = np.array([[self.row_of[audio]] for audio in example.audios])
        return self.cosines[rows, self.columns_of[example.candidates]].ravel()


def audio_features(
    bank: ClipBank, examples: list[Example], extractor: TeminalFeatureExtractor, batch_size: int = 32
) -> ClipFeatures:
    """Compute the features of [`distinct_audios`]."""
    compositions = distinct_audios(examples)
    batches = in_batches(render(compositions, bank.loops, bank.raw), batch_size)
    n_batches = math.ceil(len(compositions) / batch_size)
    return compute_features(extractor, tqdm(batches, "ZSTE scenes", n_batches, unit="batch", leave=False))


def score_examples(
    model: TeminalModel, processor: ClapProcessor, examples: list[Example], features: ClipFeatures, seed: int = 0
) -> Figures:
    """Compute every ZSTE figure of a model, see [`score_cosines`], from [`audio_features`] of the same examples."""
    was_training = model.training
    model.eval()
    n_batches = math.ceil(len(features.windows) / WINDOWS_AT_ONCE)
    batches = tqdm(features.split(n_batches), "ZSTE", n_batches, unit="batch", leave=False)
    audio = torch.cat([embed_features(model, batch) for batch in batches])
    text = embed_captions(model, processor, distinct_captions(examples))
    model.train(was_training)
    return score_cosines(examples, cosine_scores(audio.numpy(), text.numpy()), seed)


def score_cosines(examples: list[Example], cosines: np.ndarray, seed: int = 0) -> Figures:
    """Compute every ZSTE figure, see [`score_zste`], from cosines of the audios and captions of the examples."""
    return score_zste(examples, CosineTable(examples, cosines), seed)


def score_zste(examples: list[Example], table: CosineTable, seed: int = 0) -> Figures:
    """Compute every ZSTE figure, and the controls of [`permute_audios`] as `control_3A` to `control_3C`.

    Args:
        examples: each sub-task's in order of scenes.
        seed: of the bootstrap and the permutation.
    """
    judged = _judge(examples, table)
    figures = Figures(*compute_figures(judged, seed))
    figures.right = {str(task): rows.right.tolist() for task, rows in judged.groupby("task")}
    control, _ = compute_figures(_judge(permute_audios(examples, seed), table), seed)
    for task in CONTROL_TASKS:
        for suffix in ("", "_ci95", "_chance", "_n"):
            figures[f"control_{task}{suffix}"] = control[f"{task}{suffix}"]
    return figures


def _judge(examples: list[Example], table: CosineTable) -> pd.DataFrame:
    return judge_examples(
        predictions=[table.read(example) for example in examples],
        references=[list(example.right) for example in examples],
        tasks=[example.task for example in examples],
        groups=[example.group for example in examples],
    )


def permute_audios(examples: list[Example], seed: int) -> list[Example]:
    """Replace the audio of each example of the control tasks by that of a random scene."""
    rng = np.random.default_rng([seed, 11])
    permuted = []
    for task in CONTROL_TASKS:
        own = [example for example in examples if example.task == task]
        others = [own[i] for i in rng.permutation(len(own))]
        permuted += [replace(example, audios=other.audios) for example, other in zip(own, others, strict=True)]
    return permuted
