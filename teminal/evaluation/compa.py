"""Evaluate CompA: match audio and captions of the same sounds, in different order or with different attributes.

Ghosh et al., "CompA: Addressing the Gap in Compositional Reasoning in Audio-Language Models", ICLR 2024 (arXiv
2310.08753). An example has two audios with a caption each, or three in the triplets of CompA-order:

- text score: every audio scores above the other captions with its own (the paper's f);
- audio score: every caption scores above the other audios with its own (g);
- group score: both (h).

The authors' script scores only pairs; triplets are extra figures by the same rules.
"""

import logging
from pathlib import Path

import numpy as np
from accelerate import PartialState

from teminal.clips import Clip
from teminal.evaluation.evaluation import Score, evaluate_clips
from teminal.evaluation.inputs import COMPA_HINT, CompaRow
from teminal.evaluation.options import CompaOptions
from teminal.evaluation.statistics import Figures, check_scores, resample
from teminal.tables import find_file

LEGEND = (
    "In %: every audio picks its own caption (text), every caption its own audio (audio), or both (group), of pairs "
    "or of triplets; ties lose."
)
# Of random scores without ties. Group: all n own scores are largest in row and column, which for independent
# uniform ones is n! times the integral over d1 < ... < dn of the product of di^(2 (n - i)).
CHANCE = {
    2: {"text": 1 / 4, "audio": 1 / 4, "group": 1 / 6},
    3: {"text": 1 / 27, "audio": 1 / 27, "group": 1 / 60},
}

logger = logging.getLogger(__name__)


def run_compa(options: CompaOptions, pairs: list[CompaRow], triplets: list[CompaRow]) -> None:
    """Score the rows of [`read_compa_rows`] with every model; rows with missing audio are left out and counted."""
    names = dict.fromkeys(name for row in pairs + triplets for name in row.files)
    clips = [Clip(name, audio=find_file(Path(options.audio_dir), name)) for name in names]
    about = options.data()

    def prepare(readable: list[Clip]) -> tuple[list[str], Score]:
        row_of = {clip.name: number for number, clip in enumerate(readable)}
        kept = [row for row in pairs if row_of.keys() >= set(row.files)]
        kept_triplets = [row for row in triplets if row_of.keys() >= set(row.files)]
        n_left_out = len(pairs) - len(kept)
        about["rows_left_out"] = {"pairs": n_left_out, "triplets": len(triplets) - len(kept_triplets)}
        if n_left_out and PartialState().is_main_process:
            logger.warning("left out %d of %d rows, whose audio is skipped", n_left_out, len(pairs))
        if not kept:
            there = f"no row of {options.csv_file} has both of its files there"
            raise ValueError(f"--audio_dir {options.audio_dir}: {there}; {COMPA_HINT}")
        captions = list(dict.fromkeys(caption for row in kept + kept_triplets for caption in row.captions))
        column_of = {caption: number for number, caption in enumerate(captions)}

        def score(cosines: np.ndarray) -> Figures:
            figures = Figures()
            for prefix, rows in {"": kept, "triplet_": kept_triplets}.items():
                if rows:
                    audio = np.array([[row_of[name] for name in row.files] for row in rows])
                    text = np.array([[column_of[caption] for caption in row.captions] for row in rows])
                    add_compa_figures(figures, cosines[audio[:, :, None], text[:, None, :]], options.seed, prefix)
            return figures

        return captions, score

    evaluate_clips("compa", options, clips, prepare, about, LEGEND)


def add_compa_figures(figures: Figures, scores: np.ndarray, seed: int = 0, prefix: str = "") -> None:
    """Add text, audio and group score, as fractions, with chance levels; ties lose.

    Args:
        scores: (examples, n, n) with n of 2 or 3; `[k, i, j]` is that of audio i with caption j in example k, right
            if i = j.
        seed: of the bootstrap, over examples.
        prefix: of the figures' names.

    Raises:
        ValueError: another shape, or a score is not finite.
    """
    if scores.ndim != 3 or scores.shape[1] not in CHANCE:
        raise ValueError(f"scores have shape {scores.shape}, expected is (examples, 2, 2) or (examples, 3, 3)")
    n_examples, n, _ = scores.shape
    check_scores(scores, (n_examples, n, n), "examples, audios and captions")
    own = np.diagonal(scores, axis1=1, axis2=2)
    others = np.where(np.eye(n, dtype=bool), -np.inf, scores)
    text, audio = ((own > others.max(axis)).all(1) for axis in (2, 1))
    counts = resample(n_examples, seed)
    for name, is_right in {"text": text, "audio": audio, "group": text & audio}.items():
        samples = counts @ is_right / n_examples
        figures.add(prefix + name, is_right.mean(), samples, n_examples, CHANCE[n][name])
