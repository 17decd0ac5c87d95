"""Make the templates of training captions of two sounds or more, from verbs in both voices, phrases and sentences.

Label 0 is named first: "before" names the earlier sound first, "after" the later sound. Every verb is in both, active
in one and passive in the other, and as many verbs have the earlier sound as subject as have the later one. So neither
the order of the names, nor a verb, nor its voice alone tells which sound was first.
"""

import itertools

VERBS = {
    "earlier": [
        "announces | announcing | announced",
        "antedates | antedating | antedated",
        "anticipates | anticipating | anticipated",
        "brings on | bringing on | brought on",
        "causes | causing | caused",
        "cues | cueing | cued",
        "elicits | eliciting | elicited",
        "foreshadows | foreshadowing | foreshadowed",
        "foretells | foretelling | foretold",
        "gives rise to | giving rise to | given rise to",
        "heralds | heralding | heralded",
        "induces | inducing | induced",
        "initiates | initiating | initiated",
        "introduces | introducing | introduced",
        "invites | inviting | invited",
        "kicks off | kicking off | kicked off",
        "launches | launching | launched",
        "leads up to | leading up to | led up to",
        "leads | leading | led",
        "occasions | occasioning | occasioned",
        "portends | portending | portended",
        "predates | predating | predated",
        "prefaces | prefacing | prefaced",
        "preludes | preluding | preluded",
        "prepares | preparing | prepared",
        "presages | presaging | presaged",
        "previews | previewing | previewed",
        "prompts | prompting | prompted",
        "provokes | provoking | provoked",
        "sets off | setting off | set off",
        "signals | signalling | signalled",
        "sparks | sparking | sparked",
        "summons | summoning | summoned",
        "triggers | triggering | triggered",
        "unleashes | unleashing | unleashed",
        "ushers in | ushering in | ushered in",
    ],
    "later": [
        "answers | answering | answered",
        "breaks off | breaking off | broken off",
        "caps | capping | capped",
        "chases | chasing | chased",
        "closes | closing | closed",
        "completes | completing | completed",
        "concludes | concluding | concluded",
        "cuts off | cutting off | cut off",
        "dislodges | dislodging | dislodged",
        "displaces | displacing | displaced",
        "echoes | echoing | echoed",
        "extinguishes | extinguishing | extinguished",
        "finishes | finishing | finished",
        "halts | halting | halted",
        "hunts | hunting | hunted",
        "interrupts | interrupting | interrupted",
        "ousts | ousting | ousted",
        "outlives | outliving | outlived",
        "postdates | postdating | postdated",
        "pursues | pursuing | pursued",
        "reacts to | reacting to | reacted to",
        "relieves | relieving | relieved",
        "replaces | replacing | replaced",
        "replies to | replying to | replied to",
        "resolves | resolving | resolved",
        "responds to | responding to | responded to",
        "rounds off | rounding off | rounded off",
        "shadows | shadowing | shadowed",
        "silences | silencing | silenced",
        "stops | stopping | stopped",
        "supersedes | superseding | superseded",
        "supplants | supplanting | supplanted",
        "tails | tailing | tailed",
        "terminates | terminating | terminated",
        "trails | trailing | trailed",
        "wraps up | wrapping up | wrapped up",
    ],
    "both": [
        "accompanies | accompanying | accompanied",
        "backs | backing | backed",
        "covers | covering | covered",
        "doubles | doubling | doubled",
        "drowns out | drowning out | drowned out",
        "joins | joining | joined",
        "masks | masking | masked",
        "overlaps | overlapping | overlapped",
        "overlays | overlaying | overlaid",
        "surrounds | surrounding | surrounded",
    ],
}
# relation -> whose verbs are active in it, and whose passive
VOICES = {"before": ("earlier", "later"), "after": ("later", "earlier"), "while": ("both", "both")}
PHRASES = {
    "before": [
        "{0} before {1}", "{0} then {1}", "{0} and then {1}", "{0} and afterwards {1}", "{0} and later {1}",
        "{0} prior to {1}", "{0} ahead of {1}", "{0} earlier than {1}", "{0} giving way to {1}", "{0} until {1}",
        "{0} making room for {1}", "{0} and after that {1}",
    ],
    "after": [
        "{0} after {1}", "{0} but first {1}", "{0} and before that {1}", "{0} and earlier {1}", "{0} coming after {1}",
        "{0} subsequent to {1}", "{0} later than {1}", "{0} in the wake of {1}", "{0} taking over from {1}",
        "{0} on the heels of {1}", "{0} picking up from {1}", "{0} only after {1}",
    ],
    "while": [
        "{0} while {1}", "{0} during {1}", "{0} together with {1}", "{0} along with {1}", "{0} alongside {1}",
        "{0} over {1}", "{0} on top of {1}", "{0} mixed with {1}", "{0} in parallel with {1}", "{0} throughout {1}",
        "{0} concurrently with {1}", "{0} in the middle of {1}", "{0} among {1}", "{0} in unison with {1}",
        "{0} in the thick of {1}", "{0} immersed in {1}", "{0} embedded in {1}", "{0} with {1} all around",
        "{0} in the presence of {1}", "{0} inside {1}", "{0} against a background of {1}", "{0} underneath {1}",
        "{0} within {1}", "{0} beneath {1}", "{0} beside {1}", "{0} under {1}", "{0} through {1}", "{0} against {1}",
        "{0} coinciding with {1}", "{0} in tandem with {1}", "{0} and {1} at once", "{0} and {1} in chorus",
        "{0} and {1} on top of each other",
    ],
}  # fmt: skip
SENTENCES = {
    "before": [
        "First {0}, later {1}.",
        "After {0}, {1}.",
        "Once {0} is over, {1} can be heard.",
        "{0} can be heard until {1} sets in.",
        "It begins with {0}, and the last sound is {1}.",
        "The first sound is {0}, the second is {1}.",
        "{0} comes first and {1} second.",
        "It goes from {0} to {1}.",
    ],
    "after": [
        "Last {0}, first {1}.",
        "Before {0}, {1}.",
        "Until {0} sets in, {1} can be heard.",
        "{0} can be heard once {1} is over.",
        "It finishes with {0}, and the first sound is {1}.",
        "The second sound is {0}, the first is {1}.",
        "{0} comes second and {1} first.",
        "It gets to {0} from {1}.",
    ],
    "while": [
        "While {0} can be heard, so can {1}.",
        "{0} and {1} sound together.",
        "Both {0} and {1} can be heard all along.",
        "{0} can be heard, and {1} with it.",
        "{0} and {1} form a single mixture of sounds.",
        "{0} during {1}.",
    ],
}
SUBJECTS = ["The clip", "The recording", "This audio", "It"]
BEGINNINGS = ["begins", "opens", "commences", "kicks off"]
ENDINGS = ["finishes", "closes", "concludes", "winds up"]
THEN_SENTENCES = {
    3: ["First {0}, later {1}, last {2}.", "Last {2}, before that {1}, and first {0}."],
    4: ["First {0}, second {1}, third {2}, last {3}.", "Last {3}, before that {2}, before that {1}, and first {0}."],
}
PHRASE_FRAMES = ["{}", "The sound of {}.", "A recording of {}.", "In this clip one hears {}."]
CLAUSE_FRAMES = ["{}", "In this clip {}."]


def say_verbs(verbs: list[str], passive: bool) -> tuple[list[str], list[str]]:
    """Put verbs into phrases ("{0} trailing {1}", "{0}, which trails {1}") and into clauses ("{0} trails {1}")."""
    phrases, clauses = [], []
    for verb in verbs:
        present, participle, past = verb.split(" | ")
        if passive:
            present, participle = f"is {past} by", f"{past} by"
        phrases += [f"{{0}} {participle} {{1}}", f"{{0}}, which {present} {{1}}"]
        clauses += [f"{{0}} {present} {{1}}"]
    return phrases, clauses


def make_phrases_and_clauses(relation: str) -> tuple[list[str], list[str]]:
    """List the phrases and the clauses of a relation, with verbs in both voices."""
    active, passive = VOICES[relation]
    active_phrases, active_clauses = say_verbs(VERBS[active], passive=False)
    passive_phrases, passive_clauses = say_verbs(VERBS[passive], passive=True)
    return [*PHRASES[relation], *active_phrases, *passive_phrases], [*active_clauses, *passive_clauses]


def say_beginnings_and_endings(relation: str) -> list[str]:
    """Make sentences of what the clip begins and finishes with, one for each choice of subject and verbs."""
    sentences = []
    for subject, beginning, ending in itertools.product(SUBJECTS, BEGINNINGS, ENDINGS):
        verbs = (beginning, ending) if relation == "before" else (ending, beginning)
        sentences.append(f"{subject} {verbs[0]} with {{0}} and {verbs[1]} with {{1}}.")
    return sentences


def frame(phrases: list[str], frames: list[str]) -> list[str]:
    """Put each phrase into each frame."""
    return [sentence.format(phrase) for phrase in phrases for sentence in frames]


def make_templates(relation: str) -> list[str]:
    """Make the templates of "before", "after" or "while"."""
    phrases, clauses = make_phrases_and_clauses(relation)
    sentences = SENTENCES[relation]
    if relation != "while":
        sentences = sentences + say_beginnings_and_endings(relation)
    return [*frame(phrases, PHRASE_FRAMES), *frame(clauses, CLAUSE_FRAMES), *sentences]


def make_then_templates(n_labels: int) -> list[str]:
    """Make the templates of *then* for labels in order: half name the first sound first, half the last one."""
    labels = [f"{{{number}}}" for number in range(n_labels)]
    chains = []
    for relation, named in (("before", labels), ("after", labels[::-1])):
        phrases, _ = make_phrases_and_clauses(relation)
        links = [phrase[len("{0}") : -len("{1}")] for phrase in phrases if phrase.endswith("{1}")]
        chains += [link.join(named) for link in links]  # "{0} before {1} before {2}"
    return [*frame(chains, PHRASE_FRAMES), *THEN_SENTENCES[n_labels]]
