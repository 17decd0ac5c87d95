"""What does each part earn? The same base, data and budget, with one part changed at a time.

python benchmarks/ablate.py --esc50_dir ESC-50 --output_json results/ablation.json

Trains on folds 1 to 3 and tests on fold 4. The main rows have the steps of `configs/esc50_tiny.yaml` and are of every
seed; the rows of what else could be done have a fifth of them, with a reference row of the same budget, and are of
the first seed. LoRA has a higher learning rate, and `joint` the settings of stage B. The share of WiSE-FT is chosen by
such a run on folds 1 and 2, validated on fold 3. `--jobs` runs go on at a time, each on its share of the cores: for a
small model that takes less time than one run on all of them. Interrupted, the same command goes on, with the same
recipe and code: finished runs are read again, those that were cut off resume.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import yaml

from teminal.training.checkpoints import CODE_VERSION

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "configs/esc50_tiny.yaml"
SHARES = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
SHARE_OF_STEPS = 1 / 5  # of the rows of single parts
HEAD = ["--temporal_head", "yes"]
BOTH = ["--stages", "A", "B"]
A_THEN_B = "A then B"
PARTS = {
    A_THEN_B: [*HEAD, *BOTH],
    "B only": [*HEAD, "--stages", "B"],
    "joint": [*HEAD, "--stages", "joint"],
    "LoRA": [*HEAD, *BOTH, "--lora", "both", "--learning_rate", "2e-3"],
    "no replay": [*HEAD, *BOTH, "--replay_batch_size", "0", "--replay_weight", "0"],
    "no event loss": [*HEAD, *BOTH, "--event_weight", "0"],
    "no temporal head": BOTH,
}
AFTER_A = {  # what concerns stage B alone starts after the stage A of PARTS[A_THEN_B]
    "no text warm-up": ["--stages", "B", "--text_warmup_steps", "0"],
    "no in-group term": ["--stages", "B", "--in_group_weight", "0"],
}
SHOWN = ("1A", "1B", "2A", "2C", "3A", "3B", "3C", "task4", "task5", "recognition", "temporal", "zste")


class Ablation:
    """Runs in a folder of `args.work_dir`, `args.jobs` at a time in the order in which they are asked for."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        version = hashlib.sha256(CONFIG.read_bytes() + CODE_VERSION.encode()).hexdigest()[:12]
        self.work_dir = args.work_dir / version
        self.pool = ThreadPoolExecutor(args.jobs)
        self.threads = max(1, os.cpu_count() // args.jobs)
        self._write_recipe("whole", 1.0)
        self._write_recipe("part", SHARE_OF_STEPS)

    def _write_recipe(self, name: str, share_of_steps: float) -> None:
        """That of `CONFIG`, without the head; `joint` has the steps of A and B, and B's settings."""
        recipe = yaml.safe_load(CONFIG.read_text())
        recipe["temporal_head"] = False
        for stage in ("A", "B"):
            recipe[stage]["max_train_steps"] = round(share_of_steps * recipe[stage]["max_train_steps"])
        n_steps = sum(recipe[stage]["max_train_steps"] for stage in ("A", "B"))
        recipe["joint"] = {**recipe["B"], "max_train_steps": n_steps}
        self.work_dir.mkdir(parents=True, exist_ok=True)
        (self.work_dir / f"{name}.yaml").write_text(yaml.safe_dump(recipe))

    def folder_of(self, name: str) -> Path:
        return self.work_dir / name.replace(" ", "_").replace(",", "")

    def train(self, name: str, flags: list[str], config: str = "whole") -> dict:
        """The results of a run, read from its file if it is there."""
        output_dir = self.folder_of(name)
        if not (output_dir / "results.json").is_file():
            print(f"{name}\n", end="", flush=True)  # at once: others print too
            data = ["--config", self.work_dir / f"{config}.yaml", "--esc50_dir", self.args.esc50_dir]
            command = [sys.executable, "train_accelerate.py", *data, "--output_dir", output_dir]
            command += ["--resume_from_checkpoint", "latest", "--save_steps", 100, *flags]
            command += ["--dataloader_num_workers", self.threads - 1]
            environment = {**os.environ, "OMP_NUM_THREADS": str(self.threads)}
            with open(f"{output_dir}.log", "a") as log:
                subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, check=True, stdout=log, stderr=log)
        return json.loads((output_dir / "results.json").read_text())

    def base(self, seed: int, train_folds: tuple[int, ...] = (1, 2, 3)) -> list[str]:
        """Pretrain, and give the flags of runs that start there."""
        name = f"base {''.join(map(str, train_folds))} {seed}"
        same = ["--seed", str(seed), "--train_folds", *map(str, train_folds)]
        self.train(name, [*same, "--stages", "pretrain"])
        return [*same, "--model_name_or_path", str(self.folder_of(name))]

    def zste_of_shares(self) -> dict[str, float]:
        """Share of WiSE-FT -> `zste` on fold 3, of a model of folds 1 and 2."""
        flags = ["--validation_folds", "3", "--validation_scenes", "500", "--wise_ft", *map(str, SHARES)]
        base = self.base(self.args.seeds[0], (1, 2))
        results = self.train("share of WiSE-FT", [*base, *PARTS[A_THEN_B], *flags], "part")
        return results["wise_ft"]["validation_zste"]

    def a_then_b(self, seed: int, base: Future, zste_of_shares: Future) -> dict:
        flags = [*PARTS[A_THEN_B], "--wise_ft", str(best_share(zste_of_shares.result()))]
        return self.train(f"{A_THEN_B} {seed}", [*base.result(), *flags])["zste"]

    def part(self, name: str, flags: list[str], base: Future, starts_after: Future | None = None) -> dict:
        """The figures of a row of the first seed, which starts at the base or after stage A of another."""
        seed, start = self.args.seeds[0], base.result()
        if starts_after:
            starts_after.result()
            start = [*start[:-1], str(self.folder_of(f"part {A_THEN_B} {seed}") / "after_A")]
        zste = self.train(f"part {name} {seed}", [*start, *flags], "part")["zste"]
        return {seed: list(zste.values())[-1]}

    def run(self) -> dict:
        """The report; each run is asked for after those that it waits for."""
        submit, seeds = self.pool.submit, self.args.seeds
        zste_of_shares = submit(self.zste_of_shares)
        bases = {seed: submit(self.base, seed) for seed in seeds}
        first = bases[seeds[0]]
        parts = {A_THEN_B: submit(self.part, A_THEN_B, PARTS[A_THEN_B], first)}
        both = {seed: submit(self.a_then_b, seed, bases[seed], zste_of_shares) for seed in seeds}
        others = {name: flags for name, flags in PARTS.items() if name != A_THEN_B}
        parts |= {name: submit(self.part, name, flags, first) for name, flags in others.items()}
        parts |= {name: submit(self.part, name, flags, first, parts[A_THEN_B]) for name, flags in AFTER_A.items()}
        main = {row: {} for row in ("base", "A only", A_THEN_B)}
        mixed = main.setdefault(f"{A_THEN_B}, WiSE-FT {best_share(zste_of_shares.result()):g}", {})
        for seed in seeds:
            zste = both[seed].result()
            main["base"][seed], main["A only"][seed], main[A_THEN_B][seed], mixed[seed] = zste.values()
        return {
            "recipe": yaml.safe_load(CONFIG.read_text()),
            "seeds": seeds,
            "validation_zste_of_wise_ft": zste_of_shares.result(),
            "share_of_steps_of_parts": SHARE_OF_STEPS,
            "main": main,
            "parts": {name: row.result() for name, row in parts.items()},
        }


def best_share(zste_of_shares: dict[str, float]) -> float:
    """The best share below 1, which has its own row."""
    return max(SHARES[:-1], key=lambda share: zste_of_shares[str(share)])


def table(rows: dict[str, dict[int, dict]]) -> str:
    """Markdown: means over seeds in percent, and in brackets half the 95 % interval over scenes of the first seed."""
    lines = ["| | seeds |" + "".join(f" {task} |" for task in SHOWN), "|---|---|" + "---|" * len(SHOWN)]
    for name, by_seed in rows.items():
        first, cells = next(iter(by_seed.values())), []
        for task in SHOWN:
            mean = 100 * sum(figures[task] for figures in by_seed.values()) / len(by_seed)
            low, high = first[f"{task}_ci95"]
            cells.append(f" {mean:.1f} ({50 * (high - low):.1f}) |")
        lines.append(f"| {name} | {len(by_seed)} |{''.join(cells)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--esc50_dir", required=True)
    parser.add_argument("--work_dir", type=Path, default=Path("runs/ablation"), help="keeps every run and its log")
    parser.add_argument("--output_json", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    args = parser.parse_args()
    report = Ablation(args).run()
    args.output_json.write_text(json.dumps(report, indent=1) + "\n")
    tables = f"{table(report['main'])}\n\nA fifth of the steps:\n\n{table(report['parts'])}\n"
    args.output_json.with_suffix(".md").write_text(tables)
    print(tables)


if __name__ == "__main__":
    main()
