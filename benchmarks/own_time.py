"""Time what free layouts and the temporal head on each clip's own time add to a training step; measure long clips.

    python benchmarks/own_time.py --output_json results/bench_own_time.json

A step composes its batch, computes features, and runs forward, backward and the optimizer, one after the other in one
process. "without" composes halves of ten seconds for a model without temporal head; "with" composes free layouts of up
to ten seconds, tells the model how long each clip is, and has the head. Memory is what embedding one clip of 60 s adds
to the process, beside eight clips of 10 s.
"""

import os
import statistics
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as train_accelerate.py sets it

import numpy as np
import side_by_side as bench
import torch
from accelerate import Accelerator

from modeling_teminal import TeminalModel
from teminal.clips import ClipBank, build_bank
from teminal.evaluation.clap import Clap
from teminal.processes import keep_freed_memory
from teminal.rendering import SAMPLING_RATE
from teminal.sampling.training import TrainingSampler
from teminal.sources import load_clips
from teminal.training.batches import BatchComposer, on_device
from teminal.training.config import TrainingConfig
from teminal.training.stages import StageConfig
from teminal.training.state import StageState
from teminal.training.step import TrainingStep

SIDES = {"without": {}, "with": {"free_layout_share": 1.0}}
N_GROUPS = {"tiny": 24, "full": 4}
CLIPS_S = {"one clip of 60 s": (1, 60), "eight clips of 10 s": (8, 10)}


class Step:
    """A step of stage B from drawing its groups to the optimizer."""

    def __init__(self, checkpoint: Path, bank: ClipBank, side: str, n_groups: int, device: torch.device):
        stage = StageConfig(per_device_train_batch_size=n_groups, in_group_weight=4.0, **SIDES[side])
        config = TrainingConfig(model_name_or_path="clap", mixed_precision="no")
        self.stage, self.accelerator, self.number = stage, Accelerator(cpu=device.type == "cpu"), 0
        self.model = TeminalModel.from_pretrained(checkpoint, temporal_head=side == "with").to(device).train()
        self.model.audio_model.audio_encoder.batch_norm.eval()
        processor = Clap(str(checkpoint)).processor
        processor.feature_extractor.return_num_frames = side == "with"
        self.composer = BatchComposer(
            TrainingSampler(bank), processor.feature_extractor, "B", stage, seed=0, device=device
        )
        self.training_step = TrainingStep(self.accelerator, self.model, processor.tokenizer, config)
        self.state = StageState(self.accelerator, self.model, stage, config)

    def run(self) -> None:
        batch = on_device(self.composer[self.number], self.composer.extractor, self.accelerator.device)
        self.number += 1
        self.training_step.backward(batch, self.stage)
        self.state.update()


def time_steps(size: str, checkpoint: Path, turns: int, device: torch.device) -> dict:
    """Time both sides in turns: medians in seconds, and their ratio."""
    keep_freed_memory()
    bank = build_bank(load_clips("synthetic", [1]))
    steps = {side: Step(checkpoint, bank, side, N_GROUPS[size], device) for side in SIDES}
    times = bench.take_turns({side: step.run for side, step in steps.items()}, turns)
    medians = {f"{side}_s": statistics.median(of_side) for side, of_side in times.items()}
    ratios = [one / other for one, other in zip(times["with"], times["without"], strict=True)]
    return medians | {"ratio": medians["with_s"] / medians["without_s"], "range": [min(ratios), max(ratios)]}


def measure_memory(checkpoint: Path, n_clips: int, duration_s: int, device: torch.device) -> float:
    """Measure the MB that embedding clips of a length adds."""
    model = Clap(str(checkpoint), batch_size=8)
    noise = np.random.default_rng(0).standard_normal((n_clips, duration_s * SAMPLING_RATE), np.float32) / 10
    return bench.measure_added_memory(lambda: model.embed_audio(list(noise), SAMPLING_RATE), device)


def main() -> None:
    parser = bench.make_parser(__doc__, turns=5)
    args = parser.parse_args()
    results: dict = {"machine": bench.describe_machine(args.device)}
    bank = build_bank(load_clips("synthetic", [1]))
    for size in N_GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            bench.save_checkpoint(size, bank, Path(folder))
            row = bench.call_in_own_process(time_steps, size, Path(folder), args.turns, args.device)
            for name, (n_clips, duration_s) in CLIPS_S.items():
                row[f"{name}, added MB"] = bench.call_in_own_process(
                    measure_memory, Path(folder), n_clips, duration_s, args.device
                )
        results[size] = row | {"load_average": os.getloadavg()}
        print(size, results[size], flush=True)
        bench.write_json(results, args.output_json)


if __name__ == "__main__":
    main()
