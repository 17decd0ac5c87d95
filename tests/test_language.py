import pytest

from teminal.clips import Clip
from teminal.language import (
    PARTICIPLES,
    PLURAL_VERBS,
    SINGULAR_VERBS,
    as_participles,
    keys_of_meanings,
    meaning,
    swap_order,
)


@pytest.mark.parametrize(
    ("caption", "swapped"),
    [
        ("A dog barking followed by rain falling", "Rain falling followed by a dog barking"),
        ("A dog barks, followed by speech.", "Speech, followed by a dog barking."),
        ("A dog barks then growling followed by rain", None),
        ("Water flows, and then a dog barks", "A dog barks, and then water flows"),
        ("A man speaks and laughs then a dog barks", "A dog barks then a man speaks and laughs"),
        ("A toilet is flushed followed by a man speaking", "A man speaking followed by a toilet being flushed"),
        ("Humming and then a man speaks", None),
        ("Humming then clicking", "Clicking then humming"),
        ("A woman speaks then laughter", "Laughter then a woman speaking"),
        ("Birds chirp before a bell rings", "A bell rings before birds chirp"),
        ("A frog croaks after music", "Music after a frog croaking"),
        ("English speech followed by a bell", "A bell followed by English speech"),
    ],
)
def test_swapped(caption, swapped):
    assert swap_order(caption) == swapped


@pytest.mark.parametrize(
    "caption",
    [
        "A dog barks",
        "A dog barks while rain falls",
        "A dog barks as rain falls followed by thunder",
        "A dog barks, then rain falls, then a bell rings",
        "A man speaks and then laughs",
        "A man speaking then laughing",
        "An emergency siren honks and then tones loudly",
        "An engine idles then it stops",
        "A man talks followed by another man talking",
        "A man talks followed by a man talking loudly",
        "Speech followed by a man speaking",
        "A dog barks then the dog growls",
        "An engine hums followed by louder humming",
        "A horn honks, after which a man speaks",
        "A bell rings before 10 seconds of rain",
        "Rain falls in the background followed by thunder",
        "A person is whistling low then high",
        "A man chortles followed by rain",
        "A bang, a hiss followed by rain",
        "Rain falls. A dog barks then a bell rings",
        "",
    ],
)
def test_refused(caption):
    assert swap_order(caption) is None


@pytest.mark.parametrize(
    "caption",
    ["A dog barking, followed by rain", "A dog barks then rain falls", "Birds chirp before a bell rings."],
)
def test_twice_is_the_caption_itself(caption):
    assert swap_order(swap_order(caption)) == caption


@pytest.mark.parametrize(
    ("clause", "participles"),
    [
        ("a dog is barking and people laugh", "a dog barking and people laughing"),
        ("a man speaks and laughs loudly", "a man speaking and laughing loudly"),
        ("a toilet is flushed", "a toilet being flushed"),
        ("several loud beeps", "several loud beeps"),
        ("a series of clicks", "a series of clicks"),
        ("the sounds of traffic", "the sounds of traffic"),
        ("wind blowing in a microphone", "wind blowing in a microphone"),
        ("a whistle and a man speaks", None),
        ("a man and a woman talk", None),
        ("a toilet flushed", None),
        ("a man chortles", None),
        ("a dog is loud", None),
    ],
)
def test_finite_verbs_become_participles(clause, participles):
    assert as_participles(clause) == participles


@pytest.mark.parametrize(
    ("verb", "singular", "participle"),
    [
        ("baa", "baas", "baaing"),
        ("beep", "beeps", "beeping"),
        ("buzz", "buzzes", "buzzing"),
        ("chug", "chugs", "chugging"),
        ("coo", "coos", "cooing"),
        ("cry", "cries", "crying"),
        ("emit", "emits", "emitting"),
        ("go", "goes", "going"),
        ("hiccup", "hiccups", "hiccupping"),
        ("hum", "hums", "humming"),
        ("occur", "occurs", "occurring"),
        ("play", "plays", "playing"),
        ("screech", "screeches", "screeching"),
        ("spit", "spits", "spitting"),
        ("squeal", "squeals", "squealing"),
        ("thud", "thuds", "thudding"),
        ("travel", "travels", "traveling"),
        ("vibrate", "vibrates", "vibrating"),
        ("whir", "whirs", "whirring"),
    ],
)
def test_verbs_are_spelled_right(verb, singular, participle):
    assert PLURAL_VERBS[verb] == SINGULAR_VERBS[singular] == participle
    assert PARTICIPLES[participle] == verb


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A man is speaking", "The man speaks.", True),
        ("Rain and wind", "Wind and rain", True),
        ("A dog barks then rain falls", "Rain falls then a dog barks", False),
        ("A dog barks then rain falls", "a dog barking then rain falling", True),
        ("A dog barks", "A dog barks loudly", False),
        ("A sound", "Some noise", False),
    ],
)
def test_captions_mean_the_same(one, other, same):
    assert (meaning(one) == meaning(other)) == same


def test_clips_that_share_a_caption_have_one_key():
    said = [("A dog barks", "A bell"), ("The dog is barking",), ("A bell", "Rain"), ("Wind",)]
    key_of = keys_of_meanings([Clip(str(i), "", None, str(i), None, captions=of) for i, of in enumerate(said)])
    keys = [{key_of[meaning(caption)] for caption in captions} for captions in said]
    assert all(len(of_clip) == 1 for of_clip in keys)
    assert keys[0] == keys[1] == keys[2] != keys[3]
