"""What does each part earn? The same base, data and budget, with one part changed at a time.

python benchmarks/ablate.py --esc50_dir ESC-50 --output_json results/ablation.json

Trains on folds 1 to 3 and tests on fold 4. The main rows have the steps of `configs/esc50_tiny.yaml` and are of every
seed; the rows of single parts have half of them, with a reference row of the same budget, and are of the first seed.
The share of WiSE-FT is chosen by a run on folds 1 and 2, validated on fold 3. Interrupted, the same command goes on:
finished runs are read again, the one that was cut off resumes.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "configs/esc50_tiny.yaml"
SHARES = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
HEAD = ["--temporal_head", "yes"]
A_THEN_B = "A then B"
BOTH = ["--stages", "A", "B"]
MAIN = {A_THEN_B: [*HEAD, *BOTH], "B only": [*HEAD, "--stages", "B"]}
PARTS = {
    A_THEN_B: [*HEAD, *BOTH],
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


def write_recipe(args: argparse.Namespace, name: str, share_of_steps: float) -> None:
    """The recipe of `CONFIG`, without the head; `joint` has the steps of A and B, and B's settings."""
    recipe = yaml.safe_load(CONFIG.read_text())
    recipe["temporal_head"] = False
    for stage in ("A", "B"):
        recipe[stage]["max_train_steps"] = round(share_of_steps * recipe[stage]["max_train_steps"])
    n_steps = sum(recipe[stage]["max_train_steps"] for stage in ("A", "B"))
    recipe["joint"] = {**recipe["B"], "max_train_steps": n_steps}
    path = args.work_dir / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(recipe))


def folder_of(args: argparse.Namespace, name: str) -> Path:
    return args.work_dir / name.replace(" ", "_").replace(",", "")


def train(args: argparse.Namespace, name: str, flags: list[str], config: str = "whole") -> dict:
    """The results of a run, read from its file if it is there."""
    output_dir = folder_of(args, name)
    if not (output_dir / "results.json").is_file():
        print(name, flush=True)
        data = ["--config", args.work_dir / f"{config}.yaml", "--esc50_dir", args.esc50_dir]
        command = [sys.executable, "train_accelerate.py", *data, "--output_dir", output_dir]
        command += ["--resume_from_checkpoint", "latest", "--save_steps", 100, *flags]
        subprocess.run(list(map(str, command)), cwd=ROOT, check=True)
    return json.loads((output_dir / "results.json").read_text())


def train_base(args: argparse.Namespace, seed: int, train_folds: list[int]) -> list[str]:
    """Pretrain, and give the flags of runs that start there."""
    name = f"base {''.join(map(str, train_folds))} {seed}"
    same = ["--seed", str(seed), "--train_folds", *map(str, train_folds)]
    train(args, name, [*same, "--stages", "pretrain"])
    return [*same, "--model_name_or_path", str(folder_of(args, name))]


def choose_share(args: argparse.Namespace) -> float:
    """The share of WiSE-FT that is best on fold 3, of a model of folds 1 and 2."""
    flags = ["--validation_folds", "3", "--validation_scenes", "500", "--wise_ft", *map(str, SHARES)]
    results = train(args, "share of WiSE-FT", [*train_base(args, args.seeds[0], [1, 2]), *MAIN[A_THEN_B], *flags])
    return results["wise_ft"]["share"]


def main_rows(args: argparse.Namespace, share: float) -> dict[str, dict[int, dict]]:
    """Row -> seed -> figures."""
    rows = {}
    for seed in args.seeds:
        base = train_base(args, seed, [1, 2, 3])
        zste = train(args, f"{A_THEN_B} {seed}", [*base, *MAIN[A_THEN_B], "--wise_ft", str(share)])["zste"]
        for row, scored in {"base": "base", "A only": "after A", A_THEN_B: "after B"}.items():
            rows.setdefault(row, {})[seed] = zste[scored]
        rows.setdefault(f"{A_THEN_B}, WiSE-FT {share:g}", {})[seed] = zste[f"WiSE-FT {share:g}"]
        zste = train(args, f"B only {seed}", [*base, *MAIN["B only"]])["zste"]
        rows.setdefault("B only", {})[seed] = zste["after B"]
    return rows


def rows_of_parts(args: argparse.Namespace) -> dict[str, dict[int, dict]]:
    """Row -> first seed -> figures, with half of the steps."""
    seed, rows = args.seeds[0], {}
    base = train_base(args, seed, [1, 2, 3])
    after_a = [*base[:-1], str(folder_of(args, f"half {A_THEN_B} {seed}") / "after_A")]
    for start, parts in ((base, PARTS), (after_a, AFTER_A)):
        for name, flags in parts.items():
            zste = train(args, f"half {name} {seed}", [*start, *flags], "half")["zste"]
            rows[name] = {seed: list(zste.values())[-1]}
    return rows


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
    parser.add_argument("--work_dir", type=Path, default=Path("runs/ablation"), help="keeps every run")
    parser.add_argument("--output_json", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    args = parser.parse_args()
    write_recipe(args, "whole", 1.0)
    write_recipe(args, "half", 0.5)
    share = choose_share(args)
    report = {"recipe": yaml.safe_load(CONFIG.read_text()), "seeds": args.seeds, "share_of_wise_ft": share}
    report |= {"main": main_rows(args, share), "parts": rows_of_parts(args)}
    args.output_json.write_text(json.dumps(report, indent=1) + "\n")
    tables = f"{table(report['main'])}\n\nHalf of the steps:\n\n{table(report['parts'])}\n"
    args.output_json.with_suffix(".md").write_text(tables)
    print(tables)


if __name__ == "__main__":
    main()
