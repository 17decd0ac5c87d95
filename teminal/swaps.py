"""The order of two clauses of a caption swapped: a hard negative, or nothing where it is not safe."""

import re

from teminal.clauses import ADJECTIVES, ALONE, PARTICIPLES, PLURAL_FORMS, SINGULAR_FORMS, as_participles
from teminal.natural_captions import as_clause

CONNECTIVE = re.compile(r",? followed by |,? (?:and )?then |,? before |,? after ")
# A further temporal word, a backward reference, a change of state, a relative clause, a sound that may well go on.
REFUSED_WORDS = """
while whilst as during amid when whenever until till once meanwhile later finally next first last second seconds minute
minutes moment moments time times twice between prior since because which that who whose where what if this these those
such it its it's they their them he his him she her itself themselves himself herself each other others another again
more else same too also similar different both one ones back still even only just but so or except without not no
nothing rest having off ends ending end all suddenly immediately shortly soon closely directly abruptly quickly
followed then before after slows slowing slowed fades fading louder quieter softer closer nearer faster slower higher
lower deeper harder stronger heavier bigger larger smaller older younger further farther there can could has have had
was were will would does do did spoke ran blew said went rang sang began came got made flew drove fell background
throughout
"""
REFUSED_STARTS = """
afterward follow simultaneous eventual preced proceed repeat return repl respon answer continu resum stop finish begin
becom increas decreas subsid remain interrupt accompan consist gradual result echo constant stead intermittent
occasional
"""
SYNONYMS = {
    **{"speech": "speak", "voice": "speak", "talk": "speak", "male": "man", "men": "man", "female": "woman"},
    **{"women": "woman", "laughter": "laugh", "gunfire": "shot", "gunshot": "shot", "applause": "clap"},
    **{"applaud": "clap", "people": "person", "crowd": "person", "someone": "person", "kid": "child"},
    **{"children": "child", "baby": "child", "infant": "child"},
}
FUNCTION_WORDS = "a an the and of in on at with by into from to some several sound noise is are"
BASE_FORMS = {form: verb for verb, form in PLURAL_FORMS.items()}
BASE_FORMS |= {form: BASE_FORMS[participle] for form, participle in SINGULAR_FORMS.items()}


def content_words(clause: str) -> list[str]:
    """The words that carry a clause's meaning, without inflection, as they come."""
    words = [word for word in clause.lower().replace(",", "").split() if word not in FUNCTION_WORDS.split()]
    words = [BASE_FORMS.get(word) or re.sub(r"(?<=[^su])s$", "", word) for word in words]
    words = [SYNONYMS.get(word, word) for word in words]
    return [word for word in words if word not in FUNCTION_WORDS.split()]


def content(clause: str) -> set[str]:
    return set(content_words(clause))


def lacks_subject(clause: str) -> bool:
    """Whether a clause starts with a verb, whose subject another clause may hold."""
    words = [word for word in clause.split() if not word.endswith("ly")]
    if words and words[0] in ALONE.split():
        return False
    return not words or words[0].endswith("ing") or words[0] in {*PARTICIPLES, *PLURAL_FORMS, *SINGULAR_FORMS}


def is_unsafe(left: str, right: str) -> bool:
    """Whether swapping the clauses may read badly, refer to nothing, or still be true."""
    words = re.findall(r"[a-z'-]+", f"{left} {right}".lower())
    if set(words) & set(REFUSED_WORDS.split()) or any(
        word.startswith(tuple(REFUSED_STARTS.split())) for word in words
    ):
        return True
    if re.search(r"[^a-z '-]| -|- |--|\ba [aeio]|\ban? (\w+ )?(wo)?men\b|\ban? children\b", f"{left.lower()} {right}"):
        return True
    if (
        re.match(r"(and|of|by|with|in|to|very|really|up|down) ", right)
        or left.endswith(" and")
        or re.search(r"\bthe\b(?! \w+ of)", right)
    ):
        return True
    if set(right.split()) <= set(ADJECTIVES.split()):  # "whistles low, then high"
        return True
    return content(left) <= content(right) or content(right) <= content(left)


def swap_order(caption: str) -> str | None:
    """The caption with the clauses around its one order connective swapped, or `None` where that is not safe.

    "A dog barks, then rain falls" gives "Rain falls, then a dog barks". Finite verbs become -ing forms where English
    wants it: "A dog barks followed by rain" gives "Rain followed by a dog barking". `while` and `as` are symmetric:
    swapped they make another true caption, so a caption that holds one is refused.
    """
    text = as_clause(caption)
    connectives = CONNECTIVE.findall(text)
    if len(connectives) != 1:
        return None
    connective = connectives[0]
    left, right = text.split(connective)
    if is_unsafe(left, right):
        return None
    left_nominal, right_nominal = as_participles(left), as_participles(right)
    if left_nominal is None or right_nominal is None:
        return None
    left_finite, right_finite = left != left_nominal, right != right_nominal
    if "followed by" not in connective:
        if not lacks_subject(right):
            may_share = lacks_subject(left)
        else:
            may_share = not all(lacks_subject(conjunct) for conjunct in left.split(" and "))
        if may_share:
            return None
        if left_finite and not right_finite and right.split()[0].endswith("s"):  # "honks, then tones loudly"
            return None
        if left_finite and right_finite:
            left_nominal, right_nominal = left, right
    swapped = f"{right_nominal}{connective}{left_nominal}"
    return swapped[0].upper() + swapped[1:] + "." * caption.rstrip().endswith(".")
