"""Test the model card of runs of every kind."""

import re
from dataclasses import asdict, replace

import pytest
import yaml

from teminal.natural_captions import as_sentence
from teminal.sampling.training import TrainingSampler
from teminal.training.card import SHOWN, describe_run, has_learned_order, make_example_captions, make_model_card
from teminal.training.config_file import parse_config
from teminal.training.stages import StageConfig

from ..card_results import LEARNED, figures, run_results

ON_HUB = {"name": "laion/clap-htsat-unfused", "on_hub": True}
OWN = {"name": "clap", "on_hub": False}
ADAPTER_FILES = ["adapter/adapter_config.json", "adapter/adapter_model.safetensors", "config.json"]
LORA = {"stages": ["A", "B"], "lora": "both"}


def header_and_text(results: dict, hub_model_id: str | None = None) -> tuple[dict, str]:
    _, header, text = make_model_card(results, hub_model_id).split("---\n", 2)
    assert not re.search(r"\{[{%]|\bNone\b|\n\n\n", text)
    return yaml.safe_load(header), text


@pytest.mark.parametrize(
    ("before", "after", "learned"), [(0.9, 0.9, True), (0.9, 0.51, False), (0.51, 0.9, False), (0.3, 0.9, False)]
)
def test_order_was_learned_only_where_both_questions_are_above_chance(before, after, learned):
    final = figures(_3A=before, _3B=after)
    _, text = header_and_text(run_results(zste={"base": LEARNED, "after B": final}))
    assert has_learned_order(final) == learned
    assert ("It tells the order of sounds" in text) == learned
    assert ("It has not learned the order of sounds" in text) != learned
    interval = f"({100 * before - 2:.1f} to {100 * before + 2:.1f})"
    assert f"{100 * before:.1f} % {interval} of those with *before* (3A)" in text


def test_scenes_are_described():
    stages = {"A": asdict(StageConfig()), "B": asdict(StageConfig())}
    _, text = header_and_text(run_results(recipe={"stages": ["A", "B"], "stage": stages}))
    assert "Order was taught with scenes of 10 s with two sounds in equal parts, made of" in text
    stages["B"] |= {"max_events": 4, "free_layout_share": 0.5, "max_duration_s": 20.0}
    _, text = header_and_text(run_results(recipe={"stages": ["A", "B"], "stage": stages}))
    assert (
        "composed to scenes of 3 to 20 s with two to four sounds in many layouts, and of 10 s in equal parts |" in text
    )


DRAWN = {"max_events": 3, "free_layout_share": 1.0, "max_duration_s": 5.0}
DRAWN_SCENES = "scenes of 3 to 5 s with two or three sounds in many layouts"
PLAIN_SCENES = "scenes of 10 s with two sounds in equal parts"


@pytest.mark.parametrize(
    ("drawn", "plain", "scenes"),
    [
        (["B"], ["pretrain", "A"], DRAWN_SCENES),
        (["joint"], ["A"], DRAWN_SCENES),
        (["A"], ["pretrain"], DRAWN_SCENES),
        (["pretrain", "A"], ["B"], PLAIN_SCENES),
        (["pretrain"], ["A"], PLAIN_SCENES),
        (["B"], ["joint"], f"{DRAWN_SCENES}, and of 10 s in equal parts"),
    ],
)
def test_the_scenes_are_those_of_the_stages_that_teach_order(drawn, plain, scenes):
    stages = {name: asdict(StageConfig()) | (DRAWN if name in drawn else {}) for name in plain + drawn}
    _, text = header_and_text(run_results(recipe={"stages": plain + drawn, "stage": stages}))
    assert f"Order was taught with {scenes}, made of" in text


@pytest.mark.parametrize(
    ("one_clip", "verdict"),
    [(0.4, "some of it was forgotten"), (0.51, "do not tell them apart"), (0.6, "learned better")],
)
def test_what_was_forgotten_is_said(one_clip, verdict):
    _, text = header_and_text(run_results(zste={"base": figures(), "after B": figures(_1A=one_clip)}))
    said = next(line for line in text.splitlines() if line.startswith("The class of a single clip (1A): "))
    assert "50.0 % (48.0 to 52.0) before this training" in said
    assert f"{100 * one_clip:.1f} % ({100 * one_clip - 2:.1f} to {100 * one_clip + 2:.1f}) after it" in said
    assert verdict in said


def test_what_was_forgotten_elsewhere_is_said():
    models = {"base": 0.9, "after B": 0.7}
    kept = {name: {"accuracy": value, "accuracy_ci95": [value, value]} for name, value in models.items()}
    _, text = header_and_text(run_results(kept=kept, recipe={"keep_source": "urbansound8k"}))
    said = "90.0 % (90.0 to 90.0) before this training, 70.0 % (70.0 to 70.0) after it: some of it was forgotten."
    assert f"The class of a single clip of urbansound8k, on whose sounds it was not trained: {said}" in text


def test_of_pretraining_alone_nothing_is_claimed():
    _, text = header_and_text(run_results(zste={"base": figures()}, recipe={"stages": ["pretrain"]}))
    assert "trained from scratch.\n**It has not learned the order" in text
    assert "composed in pairs" not in text
    assert "before this training" not in text


def test_no_code_of_a_sub_task_stands_alone():
    _, text = header_and_text(run_results())
    codes = re.findall(r"(.)\b([1-6][A-G]|control_3A)\b", text.split("## Use")[0] + text.split("## What it can do")[1])
    assert len(codes) >= len(SHOWN) - 4
    assert {before for before, _ in codes} == {"("}


@pytest.mark.parametrize(("hub_model_id", "loaded"), [("me/clap", '"me/clap"'), (None, '"."')])
def test_it_is_loaded_by_its_id_or_from_the_folder_of_the_card(hub_model_id, loaded):
    header, text = header_and_text(run_results(recipe={"output_dir": "esc50_tiny"}), hub_model_id)
    assert f"AutoModel.from_pretrained({loaded}, trust_remote_code=True)" in text
    assert ("From the folder of this file" in text) == (hub_model_id is None)
    assert header["model-index"][0]["name"] == ("clap" if hub_model_id else "esc50_tiny")


@pytest.mark.parametrize(
    ("base", "temporal_head", "files", "said", "unsaid"),
    [
        (ON_HUB, False, ADAPTER_FILES, ['(base, "me/x", subfolder="adapter")', 'from_pretrained("laion/clap'], []),
        (ON_HUB, True, ADAPTER_FILES, ['.from_pretrained("laion/clap-htsat-unfused", temporal_head=True)'], ["Peft"]),
        (OWN, False, ADAPTER_FILES, ["for whoever has the base `clap`"], ["PeftModel"]),
        (None, True, ["config.json"], ["(both towers), merged, with a temporal head"], ["adapter"]),
    ],
)  # fmt: skip
def test_the_adapter_is_told_of_where_it_is_and_as_it_can_be_used(base, temporal_head, files, said, unsaid):
    results = run_results(base=base, temporal_head=temporal_head, files=files, recipe=LORA)
    header, text = header_and_text(results, "me/x")
    for part in said:
        assert part in text
    for part in unsaid:
        assert part not in text
    assert header.get("base_model") == (ON_HUB["name"] if base is ON_HUB else None)
    assert ("The terms of the base" in text) == (base is not None)
    assert ("It is a plain CLAP" in text) == (not temporal_head)


def test_a_text_tower_that_knew_language_before_is_named_with_its_terms():
    _, text = header_and_text(run_results(text_base={"name": "bert-base-uncased", "on_hub": True}))
    assert "| Text tower | started from [`bert-base-uncased`](https://huggingface.co/bert-base-uncased) |" in text
    assert "The terms of `bert-base-uncased`, which the text tower started from, hold as well." in text


@pytest.mark.parametrize(
    ("license", "in_header", "said"),
    [
        ("cc-by-nc-3.0", ("cc-by-nc-3.0", None), "`cc-by-nc-3.0`, as the training data.\nBy me."),
        ("other", ("other", "see-card"), "`other`, terms of their own, as the training data.\nBy me."),
        ("my terms", ("other", "see-card"), "`my terms`, terms of their own, as the training data.\nBy me."),
        ("unknown", ("unknown", None), "Unknown, for nothing is said of the terms of the training data.\nBy me."),
    ],
)
def test_licence(license, in_header, said):
    header, text = header_and_text(run_results(terms={"license": license, "attribution": "By me."}))
    assert (header["license"], header.get("license_name")) == in_header
    assert said in text


def test_peoples_own_captions_may_be_in_any_language():
    header, text = header_and_text(run_results(captioned=True, recipe={"source": "folder"}))
    assert "language" not in header
    assert "| Data | the trainer's own sounds, 1200 captioned clips" in text
    assert header_and_text(run_results(captioned=True, recipe={"source": "clotho"}))[0]["language"] == "en"


@pytest.fixture
def recipe(tiny_recipe):
    def recipe(*flags: str):
        return parse_config(["--config", str(tiny_recipe), *flags])

    return recipe


def test_examples_are_of_the_classes_that_were_trained_on(bank, recipe):
    about = describe_run(recipe("--source", "synthetic"), TrainingSampler(bank))
    x, y = about["examples"]["before"].removeprefix("This is a sound of ").removesuffix(".").split(" before ")
    assert {x.replace(" ", "_"), y.replace(" ", "_")} < set(bank.classes)
    assert about["examples"] == {
        "before": f"This is a sound of {x} before {y}.",
        "reverse": f"This is a sound of {y} before {x}.",
        "after": f"This is a sound of {y} after {x}.",
        "while": f"This is a sound of {x} while {y}.",
    }
    assert about["terms"]["license"] == "cc0-1.0"
    assert about["terms"]["attribution"] == "Generated by teminal/sources/synthetic.py."
    _, text = header_and_text(run_results(**about | {"zste": {"base": figures()}}))
    assert f'text=[\n        "This is a sound of {x} before {y}.",' in text
    assert "dog" not in text
    assert "ESC-50" not in text


def test_examples_of_captioned_clips_are_their_captions_without_an_order(bank):
    said = ("Rain, then thunder", 'A "dog" barks.', "A man speaks")
    clips = [replace(clip, label="", captions=(caption,)) for clip, caption in zip(bank.clips, said, strict=False)]
    examples = make_example_captions(TrainingSampler(replace(bank, clips=clips)))
    x, y = examples["before"].removesuffix(".").split(" before ")
    assert {x.lower(), y} == {"a dog barks", "a man speaks"}
    y_first, x_then = as_sentence(y), x[:1].lower() + x[1:]
    assert examples == {
        "before": f"{x} before {y}.",
        "reverse": f"{y_first[:-1]} before {x_then}.",
        "after": f"{y_first[:-1]} after {x_then}.",
        "while": f"{x} while {y}.",
    }
    assert f'"{x} before {y}."' in header_and_text(run_results(captioned=True, examples=examples))[1]
