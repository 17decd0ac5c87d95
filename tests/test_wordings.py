"""The grammar inflects its verbs rightly, and tells an order by no verb, voice or order of names alone."""

import pytest
from lemminflect import getInflection, getLemma

from teminal.wordings import PHRASES, SENTENCES, VERBS, make_templates


def parse(verb):
    """Each form without its particle ("up to"), which all forms share."""
    forms = [form.split() for form in verb.split(" | ")]
    assert len({tuple(particle) for _, *particle in forms}) == 1, verb
    return [form[0] for form in forms]


@pytest.mark.parametrize("verb", [verb for verbs in VERBS.values() for verb in verbs])
def test_verbs_are_inflected_as_a_dictionary_says(verb):
    present, participle, past = parse(verb)
    (base,) = getLemma(present, "VERB")
    assert present in getInflection(base, "VBZ")
    assert participle in getInflection(base, "VBG")
    assert past in getInflection(base, "VBN")


def test_there_are_many_verbs_as_many_of_each_side_and_none_twice():
    earlier, later, both = VERBS.values()
    assert len(earlier) == len(later)
    assert len(earlier) + len(later) >= 25
    assert len({*earlier, *later, *both}) == len(earlier) + len(later) + len(both)


def test_each_verb_names_either_sound_first_in_a_voice_of_its_own():
    before, after = make_templates("before"), make_templates("after")
    for line in VERBS["earlier"]:
        present, participle, past = line.split(" | ")
        for template in (f"{{0}} {present} {{1}}", f"The sound of {{0}} {participle} {{1}}."):
            assert template in before
            assert template not in after
        for template in (f"In this clip one hears {{0}}, which is {past} by {{1}}.", f"{{0}} {past} by {{1}}"):
            assert template in after
            assert template not in before
    for line in VERBS["later"]:
        present, participle, past = line.split(" | ")
        assert f"In this clip {{0}} {present} {{1}}." in after
        assert f"{{0}}, which {present} {{1}}" in after
        assert f"A recording of {{0}} {participle} {{1}}." in after
        assert f"{{0}} is {past} by {{1}}" in before


def test_as_many_templates_of_each_voice_name_the_later_sound_first():
    before, after = make_templates("before"), make_templates("after")
    assert len(before) == len(after)
    assert sum(" by {1}" in template for template in before) == sum(" by {1}" in template for template in after) > 100
    assert {len(PHRASES[side]) for side in ("before", "after")} == {len(PHRASES["before"])}
    assert len(SENTENCES["before"]) == len(SENTENCES["after"])
