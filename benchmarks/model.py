"""Compare TeminAL's model with the stock one of transformers: features, audio tower, waveform to embedding, memory.

python benchmarks/model.py --output_json results/bench_model.json --esc50_dir ESC-50
"""

import copy
import json
import statistics

import numpy as np
import side_by_side as bench
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from modeling_teminal import TeminalConfig, TeminalFeatureExtractor, TeminalModel
from teminal.clips import read_clip
from teminal.sources import load_clips
from teminal.training.launch import detect_bf16

FEATURES = {"truncation": "rand_trunc", "frequency_min": 50}  # as laion/clap-htsat-unfused
TEXT = {"num_hidden_layers": 1}  # not measured here
FEATURE_BATCH, TOWER_BATCH = 32, 8
CASES = ("features", "inference_fp32", "inference_bf16", "training_fp32", "training_bf16", "waveform_to_embedding")


class Cases:
    """What is compared, by name; `side` is "ours" or "stock"."""

    def __init__(self, device: torch.device):
        torch.manual_seed(0)
        self.device = device
        stock = ClapModel(ClapConfig(text_config=TEXT))
        ours = TeminalModel(TeminalConfig(text_config=TEXT))
        ours.load_state_dict(stock.state_dict())
        self.models = {"stock": stock.to(device), "ours": ours.to(device)}
        self.extractors = {"stock": ClapFeatureExtractor(**FEATURES), "ours": TeminalFeatureExtractor(**FEATURES)}
        rng = np.random.default_rng(0)
        self.waveforms = list((0.1 * rng.standard_normal((FEATURE_BATCH, 480_000))).astype(np.float32))
        self.spectrograms = torch.randn(TOWER_BATCH, 1, 1001, 64, device=device)

    def run(self, name: str, side: str) -> object:
        kind, _, precision = name.partition("_")
        if kind == "features":
            return self.features(side, self.waveforms)
        if kind == "waveform":
            return self.embed(side)
        return self.infer(side, precision == "bf16") if kind == "inference" else self.train(side, precision == "bf16")

    def features(self, side: str, waveforms: list[np.ndarray]) -> torch.Tensor:
        if side == "ours":  # made on the device
            waveforms = [torch.as_tensor(waveform, device=self.device) for waveform in waveforms]
        features = self.extractors[side](waveforms, sampling_rate=48_000, return_tensors="pt")["input_features"]
        return features.to(self.device)

    def infer(self, side: str, bf16: bool = False) -> torch.Tensor:
        self.models[side].eval()
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            return self.models[side].audio_model(self.spectrograms).pooler_output

    def train(self, side: str, bf16: bool) -> None:
        self.models[side].train().zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
            pooled = self.models[side].audio_model(self.spectrograms).pooler_output
        pooled.float().square().mean().backward()

    def embed(self, side: str) -> torch.Tensor:
        features = self.features(side, self.waveforms[:TOWER_BATCH])
        with torch.inference_mode():
            return self.models[side].eval().get_audio_features(features).pooler_output


def measure_time(name: str, device: torch.device, turns: int) -> dict:
    """Compare medians; for the tower, also its FLOP/s as a share of the matrix-multiply peak."""
    cases = Cases(device)
    seconds = bench.take_turns({side: lambda side=side: cases.run(name, side) for side in ("stock", "ours")}, turns)
    ratios = [stock / ours for stock, ours in zip(seconds["stock"], seconds["ours"], strict=True)]
    row = {f"{side}_s": statistics.median(runs) for side, runs in seconds.items()}
    row |= {"speedup": row["stock_s"] / row["ours_s"], "speedup_range": [min(ratios), max(ratios)], "turns": turns}
    if name.startswith(("inference", "training")):
        with FlopCounterMode(display=False) as counter:
            cases.run(name, "stock")
        gflop = counter.get_total_flops() / 1e9
        peak = bench.measure_matmul_peak(torch.bfloat16 if name.endswith("bf16") else torch.float32, device)
        row |= {"gflop": gflop, "matmul_peak_gflops": peak}
        row |= {f"{side}_share_of_peak": gflop / row[f"{side}_s"] / peak for side in ("stock", "ours")}
    return row


def measure_memory(name: str, device: torch.device, side: str) -> float:
    """Measure the MB that one side adds."""
    cases = Cases(device)
    return bench.measure_added_memory(lambda: cases.run(name, side), device)


def measure_differences(device: torch.device, clips: list[np.ndarray]) -> dict[str, float]:
    """Measure the largest absolute differences from stock; of all gradients together the relative norm."""
    cases, found = Cases(device), {}
    time = np.arange(480_000) / 48_000
    tones = [(0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32) for hz in (50, 440, 1000, 10_000)]
    for name, waveforms in {"noise": cases.waveforms, "real_clips": clips, "tones": tones}.items():
        if waveforms:
            found[f"features_{name}_db"] = cases.features("ours", waveforms) - cases.features("stock", waveforms)
    found["embeddings"] = cases.embed("ours") - cases.embed("stock")
    found["pooled"] = cases.infer("ours") - cases.infer("stock")
    if detect_bf16(device)[0]:
        found["pooled_bf16"] = cases.infer("ours", bf16=True) - cases.infer("stock", bf16=True)
    found = {name: difference.abs().max().item() for name, difference in found.items()}

    gradients = {}
    for side, model in cases.models.items():
        tower = copy.deepcopy(model.audio_model).eval()
        tower(cases.spectrograms).pooler_output.square().mean().backward()
        gradients[side] = torch.cat([value.grad.flatten() for value in tower.parameters()])
    relative = (gradients["ours"] - gradients["stock"]).norm() / gradients["stock"].norm()
    return {**found, "gradients_relative": relative.item()}


def main() -> None:
    parser = bench.make_parser(__doc__, turns=9)
    parser.add_argument("--esc50_dir", help="also compare the features of real clips")
    args = parser.parse_args()
    results = {"machine": bench.describe_machine(args.device)}
    for name in bench.leave_out_emulated(CASES, args.device):
        row = bench.call_in_own_process(measure_time, name, args.device, args.turns)
        if args.device.type == "cpu":
            row["kept_heap"] = bench.call_in_own_process(
                measure_time, name, args.device, args.turns, **bench.KEPT_HEAP
            )
        for side in ("stock", "ours"):
            row[f"{side}_added_mb"] = bench.call_in_own_process(measure_memory, name, args.device, side)
        results[name] = row
        print(name, json.dumps(row), flush=True)
    clips = load_clips("esc50", [1], esc50_dir=args.esc50_dir)[:FEATURE_BATCH] if args.esc50_dir else []
    results["differences"] = measure_differences(args.device, [read_clip(clip) for clip in clips])
    print(json.dumps(results["differences"]))
    bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
