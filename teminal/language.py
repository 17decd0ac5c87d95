"""Inflect clauses, swap their order, and compare what captions mean."""

import itertools
import re

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from teminal.captions import as_clause, has_order
from teminal.clips import Clip

VERBS = """
accelerate applaud approach baa babble bang bark beat beep belch blare blast bleat blow boil bounce brake break breathe
bubble burble burp burst buzz cackle call caw chant chatter cheer chew chime chirp chop chuckle chug clack clang clank
clap clatter clear click clink clop close cluck cock come communicate converse coo cough crack crackle crash creak
crinkle croak crow crumple crunch cry decelerate deliver ding downshift drag drain dribble drill drip drive drop drum
eat emit exhale explode fall fart fire flap flow flush flutter fly fry gallop gargle gasp get giggle give go grind
groan growl grunt gurgle gush gust hammer hiccup hiss hit holler honk hoot hover howl hum idle inhale jangle jingle
kick kiss knock laugh leave make meow mew moan moo move mumble murmur narrate neigh occur oink open operate pant pass
peck peep play plop pop pour pump purr putter quack race rain rattle rev ride ring rip roar rock roll rotate rub rumble
run rush rustle sand saw say scrape scratch scream screech scrub scuff scuffle sew shake shatter shoot shout shuffle
shut sing sip sizzle skid slam slap slide slosh slurp smack snap sneeze snicker sniff sniffle snip snore snort sob
spark speak spill spin spit splash splatter splutter spray sputter squawk squeak squeal squirt squish start step strike
strum swarm swing swish swoosh take talk tap tear thrash throttle thud thump thunder tick ticktock tinkle toll toot
toss travel trickle trill trot tweet type use vibrate vocalize wail walk wash whack wheeze whimper whine whinny whir
whirl whisper whistle whoosh work yap yell yelp yip yodel zip zoom
"""
DOUBLED = """
chop chug clap clop cut drag drip drop drum emit flap get hit hum occur plop pop rev rip rub run scrub shut sip skid
slam slap snap snip sob spin spit step strum tap thud trot whir yap yip zip
"""
# These words tell a verb in -s from a plural noun: "someone laughs", but "several laughs", "loud laughs".
ALONE = "someone somebody something everyone water wind rain music thunder laughter applause traffic steam"
PREPOSITIONS = "with in on at by from into over onto through against of inside near around to under for"
AMOUNTS = """
few couple series lot number bunch variety set pair string burst round loop some several multiple many two three four
numerous various
"""
ADJECTIVES = """
and loud soft quick brief short light heavy small electronic digital mechanical sharp rapid intermittent repeated
repetitive quiet constant faint long distant high low deep muffled pitched high-pitched low-pitched
distorted pressurized motorized prolonged sustained hushed excited synthesized computerized compressed
"""
PERSONS = "man woman boy girl child person baby kid male female adult"
PLURALS = "people men women children sheep geese kittens"


def participle(verb: str) -> str:
    """The -ing form: "bark" gives "barking", "hum" gives "humming"."""
    if verb in DOUBLED.split():
        return f"{verb}{verb[-1]}ing"
    return f"{verb.removesuffix('e')}ing"


def third_person(verb: str) -> str:
    """The form after a singular subject: "bark" gives "barks", "buzz" gives "buzzes"."""
    if re.search(r"[^aeiou]y$", verb):
        return f"{verb[:-1]}ies"
    return f"{verb}es" if re.search(r"(s|sh|ch|x|z|[^o]o)$", verb) else f"{verb}s"


PLURAL_FORMS = {verb: participle(verb) for verb in VERBS.split()}
SINGULAR_FORMS = {third_person(verb): participle(verb) for verb in VERBS.split()}
PARTICIPLES = set(PLURAL_FORMS.values())
NOT_SUBJECTS = PARTICIPLES.union(ADJECTIVES.split(), PREPOSITIONS.split(), AMOUNTS.split())


def find_verb(words: list[str], shared: dict[str, str]) -> int | None:
    """Where the finite verb of one conjunct stands: -1 where it has none, `None` in doubt.

    `shared`: the verb forms that may share the subject of the conjunct before it ("speaks and laughs").
    """
    has_article = words[0] in ("a", "an", "the") and not set(AMOUNTS.split()) & set(words[1:3])
    singulars = []
    for index, word in enumerate(words):
        before = [other for other in words[:index] if not other.endswith("ly")]
        last = before[-1] if before else ""
        in_phrase = not set(PREPOSITIONS.split()).isdisjoint(before)
        is_plural = last in PLURALS.split() or re.search(r"[^su]s$", last) is not None
        if word in PLURAL_FORMS and (is_plural or (not before and word in shared)):
            return index
        if word in PLURAL_FORMS and (last in PERSONS.split() or word == "occur" or (not before and shared)):
            return None
        if re.search(r"\wed$", word) and word not in {*ADJECTIVES.split(), *PLURAL_FORMS} and "being" not in before:
            return None
        if word not in SINGULAR_FORMS:
            if words[0] != "the" and has_article and not in_phrase and not singulars and re.search(r"[^su]s$", word):
                return None
        elif words[index + 1 : index + 2] == ["of"]:
            continue
        elif not before and shared is PLURAL_FORMS:
            singulars.append(None)
        elif (not before and word in shared) or word == "occurs":
            singulars.append(index)
        elif last in ALONE.split() or (has_article and last not in PARTICIPLES):
            singulars.append(None if in_phrase or set(AMOUNTS.split()) & set(before) else index)
        elif before and last not in NOT_SUBJECTS:
            singulars.append(None)
    return singulars[0] if singulars else -1


def as_participles(clause: str) -> str | None:
    """A clause with its finite verbs as -ing forms, a noun phrase as it stands, `None` in doubt.

    "a dog is barking and people laugh" gives "a dog barking and people laughing".
    """
    parts = re.split(r"(,? and |, )", clause)
    shared, has_verb = {}, False
    for number in range(0, len(parts), 2):
        words = parts[number].split()
        if not words:
            return None
        auxiliaries = [index for index, word in enumerate(words) if word in ("is", "are")]
        if auxiliaries:
            index = auxiliaries[0]
            rest = [word for word in words[index + 1 :] if not word.endswith("ly")]
            if index == 0 or not rest or not re.search(r"(ing|ed)$", rest[0]) or len(auxiliaries) > 1:
                return None
            words[index : index + 1] = [] if rest[0].endswith("ing") else ["being"]
            shared, has_verb = {}, True
        else:
            index = find_verb(words, shared)
            if index is None:
                return None
            if index >= 0 and number and not has_verb:  # "a whistle and a man speaks"
                return None
            if index >= 0:
                has_verb = True
                shared = PLURAL_FORMS if words[index] in PLURAL_FORMS else SINGULAR_FORMS
                words[index] = shared[words[index]]
            else:
                shared = {}
        parts[number] = " ".join(words)
    return "".join(parts)


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


def meaning(caption: str) -> str:
    """The content words of a caption: "A man is speaking" and "The man speaks" mean the same.

    They are sorted, for "rain and wind" is "wind and rain", unless the caption speaks of order.
    """
    clause = as_clause(caption)
    words = content_words(clause)
    return " ".join(words if has_order(clause) else sorted(set(words))) or clause.lower()


def keys_of_meanings(clips: list[Clip]) -> dict[str, str]:
    """Meaning of every caption -> its key; captions of one clip, and of clips that share a meaning, have the same."""
    said = [[meaning(caption) for caption in clip.captions] for clip in clips]
    column = {words: i for i, words in enumerate(dict.fromkeys(itertools.chain.from_iterable(said)))}
    of_clip = [column[words[0]] for words in said for _ in words]
    links = (np.ones(len(of_clip)), (of_clip, [column[words] for words in itertools.chain.from_iterable(said)]))
    _, component = connected_components(coo_array(links, shape=(len(column), len(column))), directed=False)
    names = {}
    return {words: names.setdefault(component[i], words) for words, i in column.items()}
