"""How captions are worded: the default templates, the training paraphrases and the held-out wordings.

Templates number the labels of a [`Caption`] in its own order: `after`, (x, y) reads "x after y"; those of
`TRAINING_THEN` take three. The lists are disjoint; `HELD_OUT` belongs to ZSTE task 5 alone and is never trained on.
"""

import numpy as np

from teminal.scenes import Caption

DEFAULT = {
    "single": "This is a sound of {0}.",
    "and": "This is a sound of {0} and {1}.",
    "before": "This is a sound of {0} before {1}.",
    "after": "This is a sound of {0} after {1}.",
    "while": "This is a sound of {0} while {1}.",
}

TRAINING = {
    "single": ["{0}", "The sound of {0}.", "A recording of {0}.", "{0} can be heard."],
    "and": ["{0} and {1}", "The sound of {0} and {1}.", "A recording of {0} and {1}."],
    "before": ["{0} before {1}", "The sound of {0} before {1}.", "First {0}, later {1}."],
    "after": ["{0} after {1}", "The sound of {0} after {1}.", "A recording of {0} after {1}."],
    "while": ["{0} while {1}", "The sound of {0} while {1}.", "{0} during {1}."],
}

TRAINING_THEN = ["{0} then {1} then {2}", "First {0}, later {1}, last {2}.", "{0} before {1} before {2}"]

HELD_OUT = {
    "before": ["{0} followed by {1}", "{0} precedes {1}", "{1} preceded by {0}", "{1} succeeds {0}"],
    "after": ["{0} preceded by {1}", "{0} succeeds {1}", "{1} followed by {0}", "{1} precedes {0}"],
    "while": ["{0} at the same time as {1}", "{0} amid {1}", "{0} simultaneously with {1}"],
    "sentence": [
        "In this recording you hear {0}, which is followed by {1}.",
        "The clip starts with {0} and ends with {1}.",
    ],
}


def say(caption: Caption, template: str | None = None) -> str:
    """Word a caption, by the default template unless another is given."""
    labels = [label.replace("_", " ") for label in caption.labels]
    if template is not None:
        return template.format(*labels)
    if caption.relation == "then":
        return f"This is a sound of {' then '.join(labels)}."
    return DEFAULT[caption.relation].format(*labels)


def say_for_training(caption: Caption, rng: np.random.Generator, p_default: float = 0.5) -> str:
    """Word a caption by the default template with probability `p_default`, else by a training paraphrase."""
    if rng.random() < p_default:
        return say(caption)
    templates = TRAINING_THEN if caption.relation == "then" else TRAINING[caption.relation]
    return say(caption, str(rng.choice(templates)))


def card_language(source: str, captioned: bool) -> str | None:
    """What a card says of the language of captions: English, but nothing where they are people's own of a folder."""
    return None if captioned and source == "folder" else "en"
