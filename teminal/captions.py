"""Write captions: from labels with templates, or by joining people's captions into one sentence.

Placeholders of templates number the labels of a [`Caption`]: `after`, (x, y) reads "x after y"; *then* takes three
labels. The lists are disjoint; `HELD_OUT` is used only in ZSTE task 5 and never in training.
"""

import re

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

# what composed search asks beyond the relations of a `Caption`; never in training
SEARCH = {
    "negation": "This is a sound of {0} without {1}.",
    "short_before_long": "This is a sound of a short {0} before a long {1}.",
    "long_before_short": "This is a sound of a long {0} before a short {1}.",
}

NATURAL_TRAINING = {
    "single": ["{0}."],
    "and": ["{0} and {1}.", "{0}, and {1} as well."],
    "before": ["{0} before {1}.", "{0}, then {1}.", "{0}, and then {1}.", "First {0}, then {1}.", "Before {1}, {0}."],
    "after": ["{0} after {1}.", "After {1}, {0}.", "{0}, and before that {1}."],
    "while": ["{0} while {1}.", "{0}, and at the same time {1}.", "{0}, and meanwhile {1}."],
    "then": ["{0}, then {1}, then {2}.", "First {0}, then {1}, and finally {2}.", "{0}, and then {1}, and then {2}."],
}


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


def say_for_training(caption: Caption, rng: np.random.Generator) -> str:
    """Write a caption with the default template half of the time, else with a random training template."""
    if rng.random() < 0.5:
        return say(caption)
    templates = TRAINING_THEN if caption.relation == "then" else TRAINING[caption.relation]
    return say(caption, str(rng.choice(templates)))


# Words that keep their capital letter; acronyms and capitalised pairs are recognised by their form.
PROPER_NOUNS = """
I I'm I've I'll I'd African American Arabic Asian Australian British Chinese Christmas English European French German
Halloween Hindi Indian Irish Italian Japanese Korean Mexican Russian Scottish Spanish Velcro
"""
# First words after which a capitalised word does not make a name: "A TV", but "Donald Duck".
COMMON_STARTERS = """
a an the some several two three many multiple one someone something people person man woman men women there this these
"""

# "as", "until", "first" and "ends" are not always temporal, but in doubt a caption counts as ordered.
ORDER_WORDS = re.compile(
    r"\b(then|before|after|afterwards?|follow(s|ed|ing)?|proceed(s|ed|ing)|preced(es|ed|ing)|prior|while|whilst|as|"
    r"when|whenever|during|until|till|once|since|amid|meanwhile|simultaneous(ly)?|concurrent(ly)?|finally|eventually|"
    r"lastly|first|firstly|initially|second|next|later|subsequent(ly)?|in between|at the same time|"
    r"in (succession|sequence|turn|response)|leading (in)?to|leads (in)?to|(and|which|that) (starts?|stops?|ends?)|"
    r"ends? (with|in)|ending|again|resum(es?|ing)|continu(es?|ing)|begin(s|ning)?|"
    r"sudden(ly)?|interrupt\w*|(in|de)creas\w*|fad(es?|ing)( away| out)?|back and forth|turns? into|becom(es?|ing))\b",
    re.IGNORECASE,
)


def has_order(caption: str) -> bool:
    """Tell whether a caption itself describes order or simultaneity; true in doubt."""
    return ORDER_WORDS.search(caption) is not None


def can_be_joined(caption: str) -> bool:
    """Tell whether [`say_naturally`] may join a caption with others: it has words, and no order of its own."""
    return bool(as_clause(caption)) and not has_order(caption)


def lower_first(text: str) -> str:
    """Lower the first letter, unless the first word is "I", an acronym or looks like a proper noun."""
    first, _, rest = text.partition(" ")
    word = first.rstrip(",;:").removesuffix("'s")
    is_acronym = any(letter.isupper() or letter.isdigit() for letter in word[1:])
    is_name = re.match(r"[A-Z][a-z]", rest) and word.lower() not in COMMON_STARTERS.split()
    if word in PROPER_NOUNS.split() or is_acronym or is_name:
        return text
    return text[:1].lower() + text[1:]


def as_clause(caption: str) -> str:
    """Rewrite a caption for use inside a longer sentence: "A dog  barks." gives "a dog barks"."""
    text = re.sub(r"[\"\u201c\u201d`]", "", caption.replace("\u2019", "'"))
    text = re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))
    text = re.sub(r",(\s*,)+", ",", text).strip(" .,;:!?'-")
    if text.isupper() and " " in text:
        text = text.lower()
    sentences = re.split(r"[.;!?]+ ", text)
    return ", ".join(lower_first(sentence.strip(" ,")) for sentence in sentences)


def as_sentence(clause: str) -> str:
    """Add a capital letter and a full stop to a clause."""
    return f"{clause[:1].upper()}{clause[1:]}."


def say_naturally(
    relation: str, captions: tuple[str, ...], template: str | None = None, rng: np.random.Generator | None = None
) -> str:
    """Join people's captions of the events of a scene, in the order of `Caption.labels`, into one sentence.

    If a caption contains a comma or an "and", a comma is added before the connective.

    Args:
        template: by default drawn with `rng` from those of the relation, or their first if `rng` is `None` too.

    Raises:
        ValueError: a caption is empty, or the template takes another number of captions.
    """
    if template is None:
        templates = NATURAL_TRAINING[relation]
        template = templates[0] if rng is None else str(rng.choice(templates))
    clauses = [as_clause(caption) for caption in captions]
    if not all(clauses):
        raise ValueError(f"{captions}: a caption is empty")
    if set(re.findall(r"\d", template)) != {str(number) for number in range(len(clauses))}:
        raise ValueError(f"template {template!r} does not take {len(clauses)} captions")
    if any(re.search(r",| and ", clause) for clause in clauses):
        template = re.sub(r"\} (?=and|before|after|while|at the same)", "}, ", template)
    return as_sentence(template.format(*clauses).rstrip("."))
