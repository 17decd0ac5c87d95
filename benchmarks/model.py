"""TeminAL's model beside the stock one of transformers: features, audio tower, waveform to embedding, memory.

python benchmarks/model.py --output_json results/bench_model.json --esc50_dir ESC-50
"""

import argparse
import contextlib
import copy
import json
from pathlib import Path

import numpy as np
import torch
from side_by_side import added_memory, compare, computed_in_hardware, in_own_process, machine, matmul_peak
from torch.utils.flop_counter import FlopCounterMode
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel
from teminal.clips import read_clip
from teminal.sources import load_clips
from teminal.training.launch import bf16_support

FEATURES = {"truncation": "rand_trunc", "frequency_min": 50}  # as laion/clap-htsat-unfused
TEXT = {"num_hidden_layers": 1}  # not measured here
FEATURE_BATCH, TOWER_BATCH = 32, 8
CASES = ("features", "inference_fp32", "inference_bf16", "training_fp32", "training_bf16", "waveform_to_embedding")
# glibc gives freed memory back and pays for every page again; measured once more with it kept
KEPT_HEAP = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


class Cases:
    """What is compared, by name; `"ours"` or `"stock"` says whose."""

    def __init__(self, device: torch.device, compile_ours: bool):
        torch.manual_seed(0)
        self.device = device
        stock = ClapModel(ClapConfig(text_config=TEXT))
        ours = TeminalModel(TeminalConfig(text_config=TEXT))
        ours.load_state_dict(stock.state_dict())
        self.models = {"stock": stock.to(device), "ours": ours.to(device)}
        if compile_ours:
            ours.audio_model.compile(fullgraph=True)
        self.extractors = {"stock": ClapFeatureExtractor(**FEATURES), "ours": TeminalFeatureExtractor(**FEATURES)}
        rng = np.random.default_rng(0)
        self.waveforms = list((0.1 * rng.standard_normal((FEATURE_BATCH, 480_000))).astype(np.float32))
        self.spectrograms = torch.randn(TOWER_BATCH, 1, 1001, 64, device=device)

    def features(self, whose: str, waveforms: list[np.ndarray] | None = None) -> torch.Tensor:
        waveforms = self.waveforms if waveforms is None else waveforms
        if whose == "ours":
            waveforms = [torch.as_tensor(waveform, device=self.device) for waveform in waveforms]
        features = self.extractors[whose](waveforms, sampling_rate=48_000, return_tensors="pt")["input_features"]
        return features.to(self.device)

    def autocast(self, bf16: bool):
        return torch.autocast(self.device.type, torch.bfloat16) if bf16 else contextlib.nullcontext()

    def inference(self, whose: str, bf16: bool = False) -> torch.Tensor:
        self.models[whose].eval()
        with torch.inference_mode(), self.autocast(bf16):
            return self.models[whose].audio_model(self.spectrograms).pooler_output

    def training(self, whose: str, bf16: bool = False):
        self.models[whose].train().zero_grad()
        with self.autocast(bf16):
            pooled = self.models[whose].audio_model(self.spectrograms).pooler_output
        pooled.float().square().mean().backward()

    def embedding(self, whose: str) -> torch.Tensor:
        features = self.features(whose, self.waveforms[:TOWER_BATCH])
        with torch.inference_mode():
            return self.models[whose].eval().get_audio_features(features).pooler_output

    def run(self, name: str, whose: str) -> object:
        kind, _, precision = name.partition("_")
        if kind in ("inference", "training"):
            return getattr(self, kind)(whose, bf16=precision == "bf16")
        return self.features(whose) if name == "features" else self.embedding(whose)


def measure(cases: Cases, name: str, turns: int) -> dict:
    """One comparison; for the tower also the share of the matrix-multiply peak that its FLOPs make."""
    row = compare(lambda: cases.run(name, "stock"), lambda: cases.run(name, "ours"), turns)
    if name.startswith(("inference", "training")):
        with FlopCounterMode(display=False) as counter:
            cases.run(name, "stock")
        gflop = counter.get_total_flops() / 1e9
        peak = matmul_peak(torch.bfloat16 if name.endswith("bf16") else torch.float32, cases.device) / 1e9
        row |= {"gflop": gflop, "matmul_peak_gflops": peak}
        row |= {f"{whose}_share_of_peak": gflop / row[f"{whose}_s"] / peak for whose in ("stock", "ours")}
    return row


def differences(cases: Cases, clips: list[np.ndarray]) -> dict[str, float]:
    """The largest absolute differences from stock; of all gradients together the relative norm."""
    time = np.arange(480_000) / 48_000
    tones = [(0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32) for hz in (50, 440, 1000, 10_000)]
    found = {}
    for name, waveforms in {"noise": cases.waveforms, "real_clips": clips, "tones": tones}.items():
        if waveforms:
            found[f"features_{name}_db"] = cases.features("ours", waveforms) - cases.features("stock", waveforms)
    with torch.inference_mode():
        found["embeddings"] = cases.embedding("ours") - cases.embedding("stock")
        found["pooled"] = cases.inference("ours") - cases.inference("stock")
        if bf16_support(cases.device)[0]:
            found["pooled_bf16"] = cases.inference("ours", bf16=True) - cases.inference("stock", bf16=True)
    found = {name: difference.abs().max().item() for name, difference in found.items()}

    gradients = {}
    for whose, model in cases.models.items():
        tower = copy.deepcopy(model.audio_model).eval()
        tower(cases.spectrograms).pooler_output.square().mean().backward()
        gradients[whose] = torch.cat([value.grad.flatten() for value in tower.parameters()])
    found["gradients_relative"] = ((gradients["ours"] - gradients["stock"]).norm() / gradients["stock"].norm()).item()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output_json", type=Path)
    parser.add_argument("--esc50_dir", help="also compare the features of real clips")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--torch_compile", action="store_true", help="compile our audio tower")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--case", choices=CASES, help="measure this one alone and print it")
    parser.add_argument("--memory_of", choices=["stock", "ours"], help="with --case: the memory that one side adds")
    args = parser.parse_args()
    if args.case:
        cases = Cases(args.device, args.torch_compile)
        if args.memory_of:
            print(added_memory(lambda: cases.run(args.case, args.memory_of), args.device))
        else:
            print(json.dumps(measure(cases, args.case, args.turns)))
        return

    options = ["--device", str(args.device), "--turns", str(args.turns)] + ["--torch_compile"] * args.torch_compile
    results = {"machine": machine(args.device), "torch_compile": args.torch_compile}
    for name in computed_in_hardware(CASES, args.device):
        row = in_own_process("--case", name, *options)
        if args.device.type == "cpu":
            row["kept_heap"] = in_own_process("--case", name, *options, **KEPT_HEAP)
        for whose in ("stock", "ours"):
            row[f"{whose}_added_mb"] = in_own_process("--case", name, "--memory_of", whose, *options)
        results[name] = row
        print(name, json.dumps(row), flush=True)
    clips = []
    if args.esc50_dir:
        clips = [read_clip(clip) for clip in load_clips("esc50", [1], esc50_dir=args.esc50_dir)[:FEATURE_BATCH]]
    results["differences"] = differences(Cases(args.device, compile_ours=False), clips)
    print(json.dumps(results["differences"]))
    if args.output_json:
        args.output_json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
