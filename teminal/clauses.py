"""Clauses of captions as -ing forms: enough of English to turn "a dog barks" into "a dog barking", or to refuse.

Most of what is here are words: what captions say that sounds do, and what stands before a verb or a plural noun.
"""

import re

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
