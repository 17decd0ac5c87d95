"""CompA: do audio and captions of the same sounds, in another order or with other attributes, find each other?

Ghosh et al., "CompA: Addressing the Gap in Compositional Reasoning in Audio-Language Models", ICLR 2024 (arXiv
2310.08753). An example is n audios with a caption each, two, or three in the triplets of CompA-order:

- text score: every audio scores above the other captions with its own (the paper's f);
- audio score: every caption scores above the other audios with its own (g);
- group score: both (h).

The authors' script scores the pairs alone, triplets are an extra figure by the same rules.
"""

import numpy as np

from teminal.evaluation.statistics import check_scores, figure, resample

# Of random scores without ties. Group: all n own scores must be largest in row and column, which for independent
# uniform ones is n! times the integral over d1 < ... < dn of the product of di^(2 (n - i)).
CHANCE = {
    2: {"text": 1 / 4, "audio": 1 / 4, "group": 1 / 6},
    3: {"text": 1 / 27, "audio": 1 / 27, "group": 1 / 60},
}


def compa_figures(scores: np.ndarray, seed: int = 0, prefix: str = "", keep: dict | None = None) -> dict:
    """Text, audio and group score, as fractions, with chance levels, see [`figure`]; ties lose.

    Args:
        scores: (examples, n, n) with n of 2 or 3; `[k, i, j]` is that of audio i with caption j of example k, of
            which i = j belong together.
        seed: of the bootstrap, over examples.
        prefix: of the figures' names.
        keep: see [`figure`].

    Raises:
        ValueError: another shape, or a score is not finite.
    """
    scores = np.asarray(scores)
    if scores.ndim != 3 or scores.shape[1] not in CHANCE:
        raise ValueError(f"scores have shape {scores.shape}, expected is (examples, 2, 2) or (examples, 3, 3)")
    n_examples, n, _ = scores.shape
    check_scores(scores, (n_examples, n, n), "examples, audios and captions")
    own = np.diagonal(scores, axis1=1, axis2=2)
    others = np.where(np.eye(n, dtype=bool), -np.inf, scores)
    text, audio = ((own > others.max(axis)).all(1) for axis in (2, 1))
    figures, counts = {}, resample(n_examples, seed)
    for name, is_right in {"text": text, "audio": audio, "group": text & audio}.items():
        samples = counts @ is_right / n_examples
        figures |= figure(prefix + name, is_right.mean(), samples, n_examples, CHANCE[n][name], keep)
    return figures
