"""What a launcher asks for is done or refused, never ignored."""

import os

import pytest

from teminal.training import launch
from teminal.training.launch import NOT_SUPPORTED, asked_precision, check_launcher, require_agreement


@pytest.fixture(autouse=True)
def launcher(monkeypatch):
    """Set what a launcher leaves in the environment, and nothing else of the kind."""
    for name in [name for name in os.environ if name.startswith("ACCELERATE_")]:
        monkeypatch.delenv(name)
    return monkeypatch.setenv


@pytest.mark.parametrize(("variable", "name"), NOT_SUPPORTED.items())
def test_what_is_not_supported_is_refused_before_accelerate_looks_for_it(launcher, variable, name):
    launcher(variable, "false")
    check_launcher()
    launcher(variable, "true")
    with pytest.raises(ValueError, match=f"{name} is not supported"):
        check_launcher()


def test_gradient_accumulation_is_refused(launcher):
    launcher("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")
    check_launcher()
    launcher("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    with pytest.raises(ValueError, match=r"ACCELERATE_GRADIENT_ACCUMULATION_STEPS=4: .*--mini_batch_size"):
        check_launcher()


@pytest.mark.parametrize(
    ("of_launcher", "asked", "done"),
    [
        (None, "auto", "auto"),
        (None, "bf16", "bf16"),
        ("no", "bf16", "bf16"),
        ("bf16", "bf16", "bf16"),
        ("bf16", "auto", "bf16"),
        ("bf16", "no", None),
        ("fp16", "auto", None),
        ("fp16", "bf16", None),
        ("fp8", "no", None),
    ],
)
def test_both_precisions_agree_or_the_run_is_refused(launcher, of_launcher, asked, done):
    if of_launcher:
        launcher("ACCELERATE_MIXED_PRECISION", of_launcher)
    if done:
        assert asked_precision(asked) == done
    else:
        with pytest.raises(ValueError, match=f"asks for mixed precision {of_launcher} .* this training for {asked}"):
            asked_precision(asked)


def test_processes_that_were_started_with_other_options_are_refused(monkeypatch):
    monkeypatch.setattr(launch, "gather_object", lambda mine: [*mine, {"seed": 1, "beta": 2.0}])
    require_agreement({"seed": 1, "beta": 2.0})
    with pytest.raises(ValueError, match="process 1 was started with other seed, source: all must"):
        require_agreement({"seed": 0, "beta": 2.0, "source": "esc50"})
