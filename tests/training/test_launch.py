"""Test that a launcher's requests are followed or refused, and bf16 is chosen only with hardware support."""

import os

import pytest
import torch
import yaml

from teminal.training import launch
from teminal.training.config import TrainingConfig
from teminal.training.config_file import parse_config
from teminal.training.launch import (
    NOT_SUPPORTED,
    check_launcher,
    choose_precision,
    get_requested_precision,
    require_agreement,
)

from ..conftest import ROOT

CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda", 0), torch.device("mps")


@pytest.fixture(autouse=True)
def launcher(monkeypatch):
    """Remove the environment variables of a launcher, and return a function that sets one."""
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
        assert get_requested_precision(asked) == done
    else:
        with pytest.raises(ValueError, match=f"asks for mixed precision {of_launcher} .* this training for {asked}"):
            get_requested_precision(asked)


def test_processes_that_were_started_with_other_options_are_refused(monkeypatch):
    monkeypatch.setattr(launch, "gather_object", lambda mine: [*mine, {"seed": 1, "beta": 2.0}])
    require_agreement({"seed": 1, "beta": 2.0})
    with pytest.raises(ValueError, match="process 1 was started with other seed, source: all must"):
        require_agreement({"seed": 0, "beta": 2.0, "source": "esc50"})


@pytest.fixture
def a_cpu(monkeypatch):
    """Pretend that the CPU has certain instructions."""

    def pretend(capability: str, amx: bool, avx512_bf16: bool):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)

    return pretend


@pytest.mark.parametrize(
    ("instructions", "chosen", "reason"),
    [
        (("AVX512", True, True), "bf16", "AMX"),
        (("AVX512", False, True), "bf16", "AVX512_BF16"),
        (("AVX512", False, False), "no", "neither AMX nor AVX512_BF16"),
        (("AVX2", False, False), "no", "no AVX-512"),
        (("AVX2", True, True), "no", "no AVX-512"),  # held down by ATEN_CPU_CAPABILITY=avx2
        (("NEON", False, False), "no", "no AVX-512"),
    ],
)
def test_auto_on_a_cpu(a_cpu, instructions, chosen, reason):
    a_cpu(*instructions)
    precision, line = choose_precision("auto", CPU)
    assert precision == chosen
    assert reason in line
    assert ("bf16 (" if chosen == "bf16" else "fp32 (") in line


@pytest.mark.parametrize(("capability", "chosen"), [((9, 0), "bf16"), ((8, 0), "bf16"), ((7, 5), "no")])
def test_auto_on_a_gpu(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    assert choose_precision("auto", CUDA)[0] == chosen


def test_auto_on_apple_is_fp32():
    assert choose_precision("auto", MPS)[0] == "no"


def test_a_flag_decides_otherwise_and_hears_of_the_emulation(a_cpu):
    a_cpu("AVX2", False, False)
    precision, line = choose_precision("bf16", CPU)
    assert precision == "bf16"
    assert "slower" in line
    a_cpu("AVX512", True, True)
    assert choose_precision("no", CPU) == ("no", "precision: fp32, as asked")


@pytest.mark.parametrize("config", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.name)
def test_no_config_names_a_precision(config):
    assert "mixed_precision" not in yaml.safe_load(config.read_text())


def test_auto_is_the_default(tiny_recipe_text, tmp_path):
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(tiny_recipe_text), "mixed_precision": None}))
    assert parse_config(["--config", str(path)]).mixed_precision == "auto"


def test_a_tracker_that_is_not_installed_is_refused():
    with pytest.raises(ValueError, match="--report_to nothing: not installed; pip install nothing"):
        launch.start_accelerator(TrainingConfig(model_name_or_path="clap", report_to=["nothing"]))
