"""Inflect clauses, swap their order, and compare the meanings of captions."""

import re
import tomllib
from pathlib import Path

from lemminflect import getInflection
from scipy.cluster.hierarchy import DisjointSet

from teminal.clips import Clip
from teminal.natural_captions import as_clause, has_order

_TABLE = tomllib.loads(Path(__file__).with_name("words.toml").read_text(encoding="utf-8"))
SYNONYMS = {word: synonym for synonym, words in _TABLE.pop("synonyms").items() for word in words.split()}
WORDS = {kind: frozenset(words.split()) for kind, words in _TABLE.items()}

CONNECTIVE = re.compile(r",? followed by |,? (?:and )?then |,? before |,? after ")
# "a toilet [is] [loudly flushed]": one auxiliary, adverbs, and a word in -ing or -ed.
AUXILIARY = re.compile(r"(.+?) (?:is|are)((?: \S+ly)* \S*(ing|ed)(?: .*)?)")
UNSAFE = re.compile(
    r"[^a-z '-]| -|- |--"  # numbers and punctuation
    r"|\ba [aeio]|\ban? (\w+ )?(wo)?men\b|\ban? children\b"  # grammar mistakes of the annotators
)
UNSAFE_RIGHT = re.compile(r"^(and|of|by|with|in|to|very|really|up|down) |\bthe\b(?! \w+ of)")


def participles(verb: str) -> tuple[str, ...]:
    """Return the -ing forms of a verb, the most common first: "hum" gives "humming"."""
    return ("baaing",) if verb == "baa" else getInflection(verb, "VBG")  # lemminflect has "baaaing"


PLURAL_VERBS = {verb: participles(verb)[0] for verb in WORDS["verbs"]}
SINGULAR_VERBS = {form: PLURAL_VERBS[verb] for verb in WORDS["verbs"] for form in getInflection(verb, "VBZ")}
PARTICIPLES = {form: verb for verb in WORDS["verbs"] for form in participles(verb)}
BASE_FORMS = PARTICIPLES | {form: PARTICIPLES[participle] for form, participle in SINGULAR_VERBS.items()}
NOT_SUBJECTS = WORDS["adjectives"] | WORDS["prepositions"] | WORDS["amounts"] | PARTICIPLES.keys()


def find_verb(words: list[str], shared: dict[str, str]) -> int | None:
    """Find the finite verb of a conjunct: its index, -1 if it has none, `None` in doubt.

    Args:
        shared: verb forms that may share the subject of the previous conjunct, as in "speaks and laughs".
    """
    has_article = words[0] in WORDS["articles"] and WORDS["amounts"].isdisjoint(words[1:3])
    singulars: list[int | None] = []
    for index, word in enumerate(words):
        before = [other for other in words[:index] if not other.endswith("ly")]
        last = before[-1] if before else ""
        in_phrase = not WORDS["prepositions"].isdisjoint(before)
        if word in PLURAL_VERBS:
            is_plural = last in WORDS["plurals"] or re.search(r"[^su]s$", last)
            if is_plural or (not before and word in shared):
                return index
            if last in WORDS["persons"] or word == "occur" or (not before and shared):
                return None
        elif word.endswith("ed") and word not in WORDS["adjectives"] and "being" not in before:
            return None
        elif word in SINGULAR_VERBS:
            if words[index + 1 : index + 2] == ["of"]:  # "gusts of wind"
                continue
            has_subject = last in WORDS["subjects"] or (has_article and last not in PARTICIPLES)
            is_alone = not in_phrase and WORDS["amounts"].isdisjoint(before)
            if (not before and word in shared) or word == "occurs" or (has_subject and is_alone):
                singulars.append(index)
            elif has_subject or (before and last not in NOT_SUBJECTS) or (not before and shared):
                singulars.append(None)
        elif has_article and words[0] != "the" and not in_phrase and not singulars and re.search(r"[^su]s$", word):
            return None  # "a man chortles": may be an unknown verb
    return singulars[0] if singulars else -1


def as_participles(clause: str) -> str | None:
    """Turn the finite verbs of a clause into -ing forms; a noun phrase stays unchanged; `None` in doubt.

    "a dog is barking and people laugh" gives "a dog barking and people laughing".
    """
    conjuncts = clause.split(" and ")
    shared: dict[str, str] = {}
    has_verb = False
    for number, conjunct in enumerate(conjuncts):
        words = conjunct.split()
        n_auxiliaries = words.count("is") + words.count("are")
        if n_auxiliaries:
            match = AUXILIARY.fullmatch(conjunct)
            if match is None or n_auxiliaries > 1:
                return None
            subject, predicate, ending = match.groups()
            conjuncts[number] = f"{subject}{' being' if ending == 'ed' else ''}{predicate}"
            has_verb = True
            continue
        index = find_verb(words, shared)
        if index is None or (index >= 0 and number and not has_verb):  # "a whistle and a man speaks"
            return None
        if index >= 0:
            has_verb = True
            shared = PLURAL_VERBS if words[index] in PLURAL_VERBS else SINGULAR_VERBS
            words[index] = shared[words[index]]
            conjuncts[number] = " ".join(words)
    return " and ".join(conjuncts)


def content_words(clause: str) -> list[str]:
    """List the content words of a clause without inflection, in order."""
    words = [word for word in clause.lower().replace(",", "").split() if word not in WORDS["function"]]
    words = [BASE_FORMS.get(word) or re.sub(r"(?<=[^su])s$", "", word) for word in words]
    words = [SYNONYMS.get(word, word) for word in words]
    return [word for word in words if word not in WORDS["function"]]


def content(clause: str) -> set[str]:
    """Collect the distinct content words of a clause without inflection."""
    return set(content_words(clause))


def lacks_subject(clause: str) -> bool:
    """Tell whether a clause starts with a verb, so that its subject may be in another clause."""
    words = [word for word in clause.split() if not word.endswith("ly")]
    if not words:
        return True
    is_verb = words[0].endswith("ing") or words[0] in PLURAL_VERBS or words[0] in SINGULAR_VERBS
    return is_verb and words[0] not in WORDS["subjects"]


def is_unsafe(left: str, right: str) -> bool:
    """Tell whether the swapped caption may be bad English, refer to nothing, or still be true."""
    both = f"{left.lower()} {right}"
    words = re.findall(r"[a-z'-]+", both.lower())
    left_content, right_content = content(left), content(right)
    return (
        not WORDS["refused"].isdisjoint(words)
        or any(word.startswith(tuple(WORDS["refused_starts"])) for word in words)
        or UNSAFE.search(both) is not None
        or UNSAFE_RIGHT.search(right) is not None
        or left.endswith(" and")
        or WORDS["adjectives"].issuperset(right.split())  # "whistles low, then high"
        or left_content <= right_content
        or right_content <= left_content
    )


def swap_order(caption: str) -> str | None:
    """Swap the clauses around the only order connective of a caption; `None` if that is not safe.

    "A dog barks, then rain falls" gives "Rain falls, then a dog barks". Finite verbs become -ing forms where grammar
    needs it: "A dog barks followed by rain" gives "Rain followed by a dog barking". Captions with `while` or `as` are
    refused, for they stay true when swapped.
    """
    text = as_clause(caption)
    connectives = CONNECTIVE.findall(text)
    if len(connectives) != 1:
        return None
    left, right = text.split(connectives[0])
    if is_unsafe(left, right):
        return None
    left_nominal, right_nominal = as_participles(left), as_participles(right)
    if left_nominal is None or right_nominal is None:
        return None
    if "followed by" not in connectives[0]:
        if lacks_subject(right):
            may_share_subject = not all(lacks_subject(conjunct) for conjunct in left.split(" and "))
        else:
            may_share_subject = lacks_subject(left)
        left_finite, right_finite = left != left_nominal, right != right_nominal
        may_hide_verb = left_finite and not right_finite and right.split()[0].endswith("s")  # "honks, then tones"
        if may_share_subject or may_hide_verb:
            return None
        if left_finite and right_finite:
            left_nominal, right_nominal = left, right
    swapped = f"{right_nominal}{connectives[0]}{left_nominal}"
    return swapped[0].upper() + swapped[1:] + ("." if caption.rstrip().endswith(".") else "")


def meaning(caption: str) -> str:
    """Reduce a caption to its content words: the same for "A man is speaking" and "The man speaks".

    They are sorted, because "rain and wind" is "wind and rain", unless the caption describes an order.
    """
    clause = as_clause(caption)
    words = content_words(clause)
    return " ".join(words if has_order(clause) else sorted(set(words))) or clause.lower()


def keys_of_meanings(clips: list[Clip]) -> dict[str, str]:
    """Map the meaning of each caption to a key, shared by the captions of a clip and by clips that share a caption."""
    groups: DisjointSet[str] = DisjointSet()
    for clip in clips:
        said = [meaning(caption) for caption in clip.captions]
        for words in said:
            groups.add(words)
            groups.merge(said[0], words)
    keys: dict[str, str] = {}
    return {words: keys.setdefault(groups[words], words) for words in groups}
