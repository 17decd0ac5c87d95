"""Join people's captions of several sounds into one sentence.

Placeholders number the captions, in the order of the labels of a `Caption`. As in `teminal.captions`, caption 0 is
named first: "before" has what names the earlier sound first, "after" what names the later sound first. All templates
take clauses ("a dog barks") and noun phrases ("a dog barking") alike.
"""

import re

import numpy as np

NATURAL_TRAINING = {
    "single": ["{0}."],
    "and": ["{0} and {1}.", "{0}, and {1} as well."],
    "before": [
        "{0} before {1}.",
        "{0}, then {1}.",
        "{0}, and then {1}.",
        "{0}, and afterwards {1}.",
        "{0}, and after that {1}.",
        "{0}, and later {1}.",
        "First {0}, then {1}.",
        "After {0}, {1}.",
    ],
    "after": [
        "{0} after {1}.",
        "{0}, but first {1}.",
        "{0}, and before that {1}.",
        "{0}, and earlier {1}.",
        "{0}, but only after {1}.",
        "Before {0}, {1}.",
        "Later {0}, but first {1}.",
        "Last {0}, first {1}.",
    ],
    "while": [
        "{0} while {1}.",
        "{0}, and meanwhile {1}.",
        "{0}, and all the while {1}.",
        "{0}, and alongside it {1}.",
        "{0}, and over it {1}.",
        "While {0}, {1}.",
    ],
}
NATURAL_THEN = {
    3: [
        "{0}, then {1}, then {2}.",
        "First {0}, then {1}, and finally {2}.",
        "{0}, and then {1}, and then {2}.",
        "Last {2}, before that {1}, and first {0}.",
        "{2}, and before that {1}, and before that {0}.",
        "{2}, but first {1}, and even earlier {0}.",
    ],
    4: [
        "{0}, then {1}, then {2}, then {3}.",
        "First {0}, then {1}, then {2}, and finally {3}.",
        "{0}, and then {1}, and then {2}, and then {3}.",
        "Last {3}, before that {2}, before that {1}, and first {0}.",
        "{3}, and before that {2}, and before that {1}, and before that {0}.",
        "{3}, but first {2}, earlier {1}, and even earlier {0}.",
    ],
}


def natural_templates(relation: str, n_captions: int) -> list[str]:
    """List the templates of a relation; those of *then* are of so many captions.

    Raises:
        ValueError: there are none for so many.
    """
    if relation != "then":
        return NATURAL_TRAINING[relation]
    if n_captions not in NATURAL_THEN:
        raise ValueError(f"*then* does not take {n_captions} captions, but {' or '.join(map(str, NATURAL_THEN))}")
    return NATURAL_THEN[n_captions]


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
        templates = natural_templates(relation, len(captions))
        template = templates[0] if rng is None else str(rng.choice(templates))
    clauses = [as_clause(caption) for caption in captions]
    if not all(clauses):
        raise ValueError(f"{captions}: a caption is empty")
    if set(re.findall(r"\d", template)) != {str(number) for number in range(len(clauses))}:
        raise ValueError(f"template {template!r} does not take {len(clauses)} captions")
    if any(re.search(r",| and ", clause) for clause in clauses):
        template = re.sub(r"\} (?=and|before|after|while)", "}, ", template)
    return as_sentence(template.format(*clauses).rstrip("."))
