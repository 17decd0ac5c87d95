"""`--mixed_precision auto` takes bf16 only where the hardware has it, and says why."""

from pathlib import Path

import pytest
import torch
import yaml

from teminal.training.config_file import parse_config
from teminal.training.launch import choose_precision

CONFIGS = sorted((Path(__file__).parents[1] / "configs").rglob("*.yaml"))
CPU, CUDA, MPS = torch.device("cpu"), torch.device("cuda", 0), torch.device("mps")


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


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_no_recipe_names_a_precision(config):
    assert "mixed_precision" not in yaml.safe_load(config.read_text())


def test_auto_is_the_default(tiny_recipe_text, tmp_path):
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(tiny_recipe_text), "mixed_precision": None}))
    assert parse_config(["--config", str(path)]).mixed_precision == "auto"
