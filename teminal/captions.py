"""Write captions of labels: in the default wording, in training wordings, or in held-out wordings.

Placeholders number the labels of a [`Caption`]: `after`, (x, y) reads "x after y". Label 0 is named first. So "before"
of `TRAINING` has all templates that name the earlier sound first, "After {0}, {1}." among them, and "after" all that
name the later sound first; both are drawn equally often, and neither a verb nor its voice tells which is meant.
`HELD_OUT` is used in ZSTE task 5 alone; none of its connectives and verbs, in any form, is used in training.
"""

import numpy as np

from teminal.scenes import Caption
from teminal.wordings import THEN_SENTENCES, make_templates, make_then_templates

DEFAULT = {
    "single": "This is a sound of {0}.",
    "and": "This is a sound of {0} and {1}.",
    "before": "This is a sound of {0} before {1}.",
    "after": "This is a sound of {0} after {1}.",
    "while": "This is a sound of {0} while {1}.",
}

HELD_OUT = {
    "before": ["{0} followed by {1}", "{0} precedes {1}", "{1} preceded by {0}", "{1} succeeds {0}"],
    "after": ["{0} preceded by {1}", "{0} succeeds {1}", "{1} followed by {0}", "{1} precedes {0}"],
    "while": ["{0} at the same time as {1}", "{0} amid {1}", "{0} simultaneously with {1}"],
    "sentence": [
        "In this recording you hear {0}, which is followed by {1}.",
        "The clip starts with {0} and ends with {1}.",
    ],
}

# what composed search asks beyond the relations of a `Caption`; never in training
SEARCH = {
    "negation": "This is a sound of {0} without {1}.",
    "short_before_long": "This is a sound of a short {0} before a long {1}.",
    "long_before_short": "This is a sound of a long {0} before a short {1}.",
}

PARAPHRASE_SHARE = 0.5  # of captions in training that have another than the default wording

TRAINING = {
    "single": ["{0}", "The sound of {0}.", "A recording of {0}.", "{0} can be heard."],
    "and": ["{0} and {1}", "The sound of {0} and {1}.", "A recording of {0} and {1}."],
    "before": make_templates("before"),
    "after": make_templates("after"),
    "while": make_templates("while"),
}
TRAINING_THEN = {n_labels: make_then_templates(n_labels) for n_labels in THEN_SENTENCES}


def training_templates(caption: Caption) -> list[str]:
    """List the training templates of a caption's relation and number of labels.

    Raises:
        ValueError: there are none for so many labels.
    """
    if caption.relation != "then":
        return TRAINING[caption.relation]
    if len(caption.labels) not in TRAINING_THEN:
        raise ValueError(f"{caption}: *then* has training templates for {' or '.join(map(str, TRAINING_THEN))} labels")
    return TRAINING_THEN[len(caption.labels)]


def say(caption: Caption, template: str | None = None) -> str:
    """Write a caption with the default template, or with another one."""
    labels = [label.replace("_", " ") for label in caption.labels]
    if template is not None:
        return template.format(*labels)
    if caption.relation == "then":
        return f"This is a sound of {' then '.join(labels)}."
    return DEFAULT[caption.relation].format(*labels)


def say_for_search(wording: str, labels: tuple[str, ...]) -> str:
    """Write a query with a template of `SEARCH`."""
    return SEARCH[wording].format(*(label.replace("_", " ") for label in labels))


def say_for_training(caption: Caption, rng: np.random.Generator, paraphrase_share: float = PARAPHRASE_SHARE) -> str:
    """Write a caption with a random training template, or else with the default template."""
    if rng.random() >= paraphrase_share:
        return say(caption)
    templates = training_templates(caption)
    return say(caption, templates[rng.integers(len(templates))])
