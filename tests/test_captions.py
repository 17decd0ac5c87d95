"""Every wording says what it should, and none of the held-out ones is in training."""

import itertools
import re

import numpy as np
import pytest
from lemminflect import getAllLemmas

from teminal.captions import DEFAULT, HELD_OUT, PARAPHRASE_SHARE, TRAINING, TRAINING_THEN, say, say_for_training
from teminal.natural_captions import NATURAL_THEN, NATURAL_TRAINING
from teminal.scenes import Caption

ORDERED = ("before", "after", "while")
HELD_OUT_WORDS = {"follow", "precede", "succeed", "start", "end", "amid", "same", "time", "simultaneously"}
TRAINED = [
    *itertools.chain(DEFAULT.values(), *TRAINING.values(), *TRAINING_THEN.values()),
    *itertools.chain(*NATURAL_TRAINING.values(), *NATURAL_THEN.values()),
]


def lemmas(template):
    """The words of a template, each in all its base forms."""
    words = set(re.findall(r"[a-z]+", template.lower()))
    return words.union(*(bases for word in words for bases in getAllLemmas(word).values()))


def test_default_wording():
    assert say(Caption("single", ("door_wood_knock",))) == "This is a sound of door wood knock."
    assert say(Caption("before", ("dog", "rain"))) == "This is a sound of dog before rain."
    assert say(Caption("after", ("rain", "dog"))) == "This is a sound of rain after dog."
    assert say(Caption("while", ("dog", "rain"))) == "This is a sound of dog while rain."
    assert say(Caption("and", ("dog", "rain"))) == "This is a sound of dog and rain."
    assert say(Caption("then", ("dog", "rain", "cat"))) == "This is a sound of dog then rain then cat."


def test_held_out_verbs_and_connectives_are_in_no_training_wording_in_any_form():
    assert lemmas("{0} was followed by {1}; succeeding, ends") >= {"follow", "succeed", "end"}
    for template in itertools.chain.from_iterable(HELD_OUT.values()):
        assert lemmas(template) & HELD_OUT_WORDS, template
    for template in TRAINED:
        assert not lemmas(template) & HELD_OUT_WORDS, template


def test_no_text_is_both_trained_and_held_out():
    labels = ("dog", "rain", "bell", "wind")
    trained = {template.format(*said) for template in TRAINED for said in itertools.permutations(labels)}
    held_out = itertools.chain.from_iterable(HELD_OUT.values())
    assert not trained & {template.format(*said) for template in held_out for said in itertools.permutations(labels)}


@pytest.mark.parametrize("relation", ORDERED)
def test_training_templates_name_label_0_first(relation):
    assert len(set(TRAINING[relation])) == len(TRAINING[relation]) >= 100
    for template in TRAINING[relation]:
        assert re.findall(r"\{\d\}", template) == ["{0}", "{1}"], template


@pytest.mark.parametrize("n_labels", [3, 4])
def test_half_of_the_then_templates_name_the_last_sound_first(n_labels):
    in_order = [f"{{{number}}}" for number in range(n_labels)]
    found = [re.findall(r"\{\d\}", template) for template in TRAINING_THEN[n_labels]]
    assert len(set(TRAINING_THEN[n_labels])) == len(found) == 2 * found.count(in_order)
    assert found.count(in_order) == found.count(in_order[::-1])
    assert "{0} before {1} before {2}" in TRAINING_THEN[3]
    assert "The sound of {3} trailing {2} trailing {1} trailing {0}." in TRAINING_THEN[4]


def test_training_captions_are_drawn_from_both_the_default_and_all_templates():
    caption = Caption("before", ("dog", "rain"))
    rng = np.random.default_rng(0)
    texts = [say_for_training(caption, rng) for _ in range(15_000)]
    assert abs(texts.count(say(caption)) / len(texts) - (1 - PARAPHRASE_SHARE)) < 0.03
    assert set(texts) == {say(caption), *(say(caption, template) for template in TRAINING["before"])}
    assert {say_for_training(caption, rng, paraphrase_share=0) for _ in range(50)} == {say(caption)}
    again = np.random.default_rng(0)
    assert texts[:50] == [say_for_training(caption, again) for _ in range(50)]


def test_then_of_five_labels_has_no_training_template():
    caption = Caption("then", tuple("abcde"))
    with pytest.raises(ValueError, match="3 or 4 labels"):
        [say_for_training(caption, np.random.default_rng(seed)) for seed in range(9)]
