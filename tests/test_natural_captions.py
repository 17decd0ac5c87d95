import re

import numpy as np
import pytest

from teminal.natural_captions import (
    NATURAL_THEN,
    NATURAL_TRAINING,
    as_clause,
    has_order,
    natural_templates,
    say_naturally,
)


@pytest.mark.parametrize(
    ("caption", "clause"),
    [
        ("A dog  barks.", "a dog barks"),
        ('"Rain falls" ,', "rain falls"),
        ("TV plays in a room.", "TV plays in a room"),
        ("I hear a bell", "I hear a bell"),
        ("English speech on a radio", "English speech on a radio"),
        ("Donald Duck quacks", "Donald Duck quacks"),
        ("A TV plays", "a TV plays"),
        ("A man speaks. A dog barks.", "a man speaks, a dog barks"),
        ("WIND BLOWS", "wind blows"),
        ("Birds chirp,, loudly ,and wind blows..", "birds chirp, loudly,and wind blows"),
    ],
)
def test_clauses(caption, clause):
    assert as_clause(caption) == clause
    assert as_clause(clause) == clause


def test_sentences_of_every_relation():
    dog, rain, bell = "A dog barks.", "Rain falls", "Bells ring. "
    assert say_naturally("single", (dog,)) == "A dog barks."
    assert say_naturally("before", (dog, rain)) == "A dog barks before rain falls."
    assert say_naturally("after", (dog, rain)) == "A dog barks after rain falls."
    assert say_naturally("after", (dog, rain), "After {1}, {0}.") == "After rain falls, a dog barks."
    assert say_naturally("while", (dog, rain)) == "A dog barks while rain falls."
    assert say_naturally("then", (dog, rain, bell)) == "A dog barks, then rain falls, then bells ring."


def test_commas_part_a_clause_that_has_an_and():
    sentence = say_naturally("before", ("A dog barks and howls.", "Rain falls"))
    assert sentence == "A dog barks and howls, before rain falls."
    sentence = say_naturally("after", ("A dog barks,", "Rain, wind"), "After {1}, {0}.")
    assert sentence == "After rain, wind, a dog barks."


def test_every_template_gives_one_clean_sentence():
    captions = ("A dog barks and howls.", "Rain falls, loudly,", " A bell rings .", "Wind")
    cases = [(relation, 1 if relation == "single" else 2) for relation in NATURAL_TRAINING]
    for relation, n_captions in [*cases, ("then", 3), ("then", 4)]:
        for template in natural_templates(relation, n_captions):
            sentence = say_naturally(relation, captions[:n_captions], template)
            assert sentence[0].isupper()
            assert sentence.count(".") == 1
            assert sentence.endswith(".")
            assert ",," not in sentence
            assert ", ," not in sentence


def test_as_many_templates_name_the_later_sound_first():
    assert len(NATURAL_TRAINING["before"]) == len(NATURAL_TRAINING["after"])
    for relation in ("before", "after", "while"):
        assert all(re.findall(r"\d", template) == ["0", "1"] for template in NATURAL_TRAINING[relation])
    for n_captions, templates in NATURAL_THEN.items():
        orders = ["".join(re.findall(r"\d", template)) for template in templates]
        in_order = "0123"[:n_captions]
        assert orders.count(in_order) == orders.count(in_order[::-1]) == len(orders) / 2


def test_drawn_templates_follow_the_seed():
    def draw(seed):
        rng = np.random.default_rng(seed)
        return [say_naturally("before", ("Rain", "Wind"), rng=rng) for _ in range(100)]

    assert draw(0) == draw(0)
    assert len(set(draw(0))) == len(NATURAL_TRAINING["before"])


def test_bad_captions_are_named():
    with pytest.raises(ValueError, match="does not take 2 captions, but 3 or 4"):
        say_naturally("then", ("Rain", "Wind"))
    with pytest.raises(ValueError, match="does not take 1 captions"):
        say_naturally("before", ("Rain",))
    with pytest.raises(ValueError, match="a caption is empty"):
        say_naturally("before", ("Rain", " ."))


@pytest.mark.parametrize(
    ("caption", "ordered"),
    [
        ("A dog barks followed by rain", True),
        ("A dog barks, then it rains", True),
        ("A dog barks as rain falls", True),
        ("While rain falls, a dog barks", True),
        ("Meanwhile a bell rings", True),
        ("A dog barks until a door closes", True),
        ("A dog barks and rain falls", False),
        ("Asphalt is drilled in strengthening rain", False),
    ],
)
def test_captions_with_an_order_are_known(caption, ordered):
    assert has_order(caption) == ordered
