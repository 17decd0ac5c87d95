import hashlib
import itertools
import json
from collections import Counter

import numpy as np
import pytest

from eval.zste.zste import SUBTASKS
from teminal.captions import DEFAULT, HELD_OUT, TRAINING
from teminal.evaluation.zste_questions import build_examples
from teminal.rendering import EVENT_SAMPLES, render
from teminal.sampling.zste import draw_scenes
from teminal.scenes import TEN_SECONDS
from teminal.splits import split_pairs

from ..zste_truth import labels_of, true_captions

N_SCENES = 30
N_OF_TASK6 = 7
TASK6 = [task for task in SUBTASKS if task[0] == "6"]


@pytest.fixture(scope="module")
def examples(bank):
    return build_examples(bank, N_SCENES, seed=0)


def of_task(examples, *tasks):
    return [example for example in examples if example.task in tasks]


def test_every_subtask_is_asked_of_every_scene_and_the_right_audio(examples):
    asked = dict.fromkeys(SUBTASKS, N_SCENES) | dict.fromkeys(TASK6, N_OF_TASK6)
    assert Counter(example.task for example in examples) == asked
    both_orders, mixed = ("forward", "reversed"), ("forward", "reversed", "overlay")
    kinds = {"1A": ("clip",), "1B": ("onset",), "2A": ("overlay",), "2B": ("overlay",)}
    for example in examples:
        asked_of = tuple(audio.variant for audio in example.audios)
        if example.task in ("3C", "4D", "5B"):
            assert len(asked_of) == 1
            assert asked_of[0] in mixed
        else:
            expected = both_orders if example.task in ("4A", "4B", "4C") else kinds.get(example.task, ("forward",))
            assert asked_of == expected
        n_sounds = 1 if example.task[0] == "1" else 3 if example.task == "5D" else 2
        assert all(len(audio.clips) == n_sounds for audio in example.audios)


def test_right_are_the_true_candidates(bank, examples):
    for example in examples:
        asked = list(itertools.product(example.audios, example.candidates))
        true = [i for i, (audio, caption) in enumerate(asked) if caption in true_captions(bank, audio)]
        assert list(example.right) == true
        n_right = 2 if example.task in ("2A", "2B", "2C", "2D", "3D", "4A", "4B", "4C", *TASK6) else 1
        assert len(true) == n_right


def test_candidates_are_those_of_the_definition(bank, examples):
    singles = {f"This is a sound of {label}." for label in bank.classes}
    befores = {f"This is a sound of {x} before {y}." for x, y in itertools.permutations(bank.classes, 2)}
    whiles = {f"This is a sound of {x} while {y}." for x, y in itertools.combinations(bank.classes, 2)}
    for example in examples:
        said = set(example.candidates)
        assert len(said) == len(example.candidates)
        labels = labels_of(bank, example.audios[0])
        orders = list(itertools.permutations(labels))
        if example.task[0] in "12":
            assert said == singles
        elif example.task == "4D":
            assert said == befores | whiles
        elif example.task == "5D":
            assert said == {f"This is a sound of {x} then {y} then {z}." for x, y, z in orders}
        else:
            before = {f"This is a sound of {x} before {y}." for x, y in orders}
            after = {f"This is a sound of {x} after {y}." for x, y in orders}
            known = {"3A": before, "3B": after, "3D": before | after, **dict.fromkeys(("4A", "4B", "4C"), before)}
            known |= dict.fromkeys(TASK6, before | after)
            assert said >= known.get(example.task, set())
            n_candidates = {"3C": 3, "3D": 4, "5B": 3, **dict.fromkeys(TASK6, 4)}.get(example.task, 2)
            assert len(said) == n_candidates


def test_held_out_questions_swap_the_labels_in_one_wording_never_trained_on(bank, examples):
    trained = {template for templates in TRAINING.values() for template in templates} | set(DEFAULT.values())
    for task, templates in (("5A", HELD_OUT["before"]), ("5B", HELD_OUT["before"]), ("5C", HELD_OUT["sentence"])):
        used = Counter()
        for example in of_task(examples, task):
            x, y = (bank.labels[clip] for clip in example.audios[0].clips)
            ways = [t for t in templates if {t.format(x, y), t.format(y, x)} <= set(example.candidates)]
            assert len(ways) == 1
            used.update(ways)
        assert set(used) == set(templates)
        assert not set(used) & trained
    wordings = {
        example.candidates[2].split(bank.labels[example.audios[0].clips[0]])[1] for example in of_task(examples, "5B")
    }
    assert {wording.split()[0] for wording in wordings} == {"at", "amid", "simultaneously"}


def test_three_variants_are_asked_for_evenly(examples):
    asked = [of_task(examples, task) for task in ("3C", "4D", "5B")]
    assert Counter(example.audios[0].variant for example in asked[0]) == {"forward": 10, "reversed": 10, "overlay": 10}
    assert len({tuple(example.audios for example in of_one) for of_one in asked}) == 1


def test_a_scene_is_unseen_if_any_of_its_pairs_is(bank, examples):
    _, unseen = split_pairs(bank.classes)
    for example in examples:
        labels = sorted(labels_of(bank, example.audios[0]))
        pairs = list(itertools.combinations(labels, 2))
        assert example.group == ("" if not pairs else "unseen" if set(pairs) & set(unseen) else "seen")
    pair_groups, three_groups = ([e.group for e in of_task(examples, task)] for task in ("3A", "5D"))
    assert {"seen", "unseen"} == set(pair_groups) == set(three_groups)
    assert ("seen", "unseen") in set(zip(pair_groups, three_groups, strict=True))


def test_examples_depend_on_the_seed_alone(bank, examples):
    assert build_examples(bank, N_SCENES, seed=0) == examples
    assert build_examples(bank, N_SCENES, seed=1) != examples


def test_two_classes_are_too_few(bank):
    class TwoClasses:
        classes = bank.classes[:2]

    with pytest.raises(ValueError, match="needs three classes"):
        build_examples(TwoClasses(), N_SCENES, seed=0)


def test_an_onset_lies_in_silence(bank, examples):
    spec = of_task(examples, "1B")[0].audios[0]
    [audio] = render([spec], bank.loops, bank.raw)
    start = int(spec.onset_s / 5 * EVENT_SAMPLES)
    assert len(audio) == 2 * EVENT_SAMPLES
    assert np.array_equal(audio[start : start + EVENT_SAMPLES], bank.raw[spec.clips[0]])
    assert not audio[:start].any()
    assert not audio[start + EVENT_SAMPLES :].any()


def test_audios_are_the_same_alone_and_side_by_side(bank, examples):
    clips = of_task(examples, "3C")[20].audios[0].clips  # task 6 has other layouts of the first scenes
    specs = sorted({audio for e in examples for audio in e.audios if audio.clips[:2] in (clips, clips[:1])})
    assert {"forward", "reversed", "overlay"} <= {spec.variant for spec in specs}
    assert {2, 3} <= {len(spec.clips) for spec in specs}
    for spec, waveform in zip(specs, render(specs, bank.loops, bank.raw), strict=True):
        assert np.array_equal(next(render([spec], bank.loops, bank.raw)), waveform)


def test_task_6_lays_out_the_sounds_of_the_first_scenes_in_other_ways(bank, examples):
    _, _, groups = draw_scenes(bank, N_SCENES, seed=0)
    statements_of_3d = [example.candidates for example in of_task(examples, "3D")]
    for task in TASK6:
        of_one = of_task(examples, task)
        layouts = [example.audios[0].layout for example in of_one]
        assert [example.audios[0].clips for example in of_one] == [group.clips[:2] for group in groups[:N_OF_TASK6]]
        assert [example.candidates for example in of_one] == statements_of_3d[:N_OF_TASK6]
        assert {layout.duration_s for layout in layouts} == {{"6E": 4, "6F": 20, "6G": 60}.get(task, 10)}
        if task == "6D":
            assert [example.audios[0].background for example in of_one] == [group.clips[2:] for group in groups[:7]]
            assert {example.audios[0].background_db for example in of_one} == {10}
        else:
            assert {example.audios[0].background for example in of_one} == {()}
            assert TEN_SECONDS not in layouts
    assert len({example.audios[0].layout for example in of_task(examples, "6A")}) == 2
    assert len({example.audios[0].layout for example in of_task(examples, "6B")}) == N_OF_TASK6


def test_one_scene_is_enough_for_task_6(bank):
    assert Counter(example.task for example in build_examples(bank, 1, seed=0)) == dict.fromkeys(SUBTASKS, 1)


def test_scenes_of_tasks_1_to_5_are_those_of_earlier_versions(bank):
    asked = [
        (
            example.task,
            [(a.clips, a.variant, round(a.snr_db, 6), round(a.onset_s, 6)) for a in example.audios],
            example.candidates,
            example.right,
            example.group,
        )
        for example in build_examples(bank, 60, seed=3)
        if example.task not in TASK6
    ]
    assert hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16] == "54bb4170482015d1"
