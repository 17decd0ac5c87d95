"""What does each part earn? One table: the same base, seed and budget, with one part changed at a time.

python benchmarks/ablate.py --esc50_dir ESC-50 --output_json results/ablation.json

Trains on folds 1 to 3 and tests on fold 4. The share of WiSE-FT is chosen by a run on folds 1 and 2, validated on
fold 3. Interrupted, the same command goes on: finished runs are read again, the one that was cut off resumes.
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
MAIN = {A_THEN_B: [*HEAD, *BOTH], "B only": [*HEAD, "--stages", "B"]}  # of all seeds
ONCE = {  # of the first seed
    "joint": [*HEAD, "--stages", "joint"],
    "A then B, LoRA": [*HEAD, *BOTH, "--lora", "both", "--learning_rate", "2e-3"],
    "A then B, no replay": [*HEAD, *BOTH, "--replay_batch_size", "0", "--replay_weight", "0"],
    "A then B, no event loss": [*HEAD, *BOTH, "--event_weight", "0"],
    "A then B, no temporal head": BOTH,
}
AFTER_A = {  # of the first seed; what concerns stage B alone starts after the stage A of A_THEN_B
    "A then B, no text warm-up": ["--stages", "B", "--text_warmup_steps", "0"],
    "A then B, no in-group term": ["--stages", "B", "--in_group_weight", "0"],
}
SHOWN = ("1A", "1B", "2A", "2C", "3A", "3B", "3C", "task4", "task5", "recognition", "temporal", "zste")


def write_recipe(args: argparse.Namespace) -> Path:
    """The recipe of `CONFIG`, without the head; `joint` has the steps of A and B, and B's settings."""
    recipe = yaml.safe_load(CONFIG.read_text())
    recipe["temporal_head"] = False
    if args.max_train_steps:
        for stage in ("pretrain", "A", "B"):
            recipe[stage]["max_train_steps"] = args.max_train_steps
    n_steps = sum(recipe[stage]["max_train_steps"] for stage in ("A", "B"))
    recipe["joint"] = {**recipe["B"], "max_train_steps": n_steps}
    path = args.work_dir / "recipe.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(recipe))
    return path


def folder_of(args: argparse.Namespace, name: str) -> Path:
    return args.work_dir / name.replace(" ", "_").replace(",", "")


def train(args: argparse.Namespace, name: str, flags: list[str]) -> dict:
    """The results of a run, read from its file if it is there."""
    output_dir = folder_of(args, name)
    if not (output_dir / "results.json").is_file():
        print(name, flush=True)
        command = [sys.executable, "train_accelerate.py", "--config", args.recipe, "--esc50_dir", args.esc50_dir]
        command += ["--output_dir", output_dir, "--resume_from_checkpoint", "latest", "--save_steps", 100, *flags]
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


def run_all(args: argparse.Namespace) -> tuple[float, dict[str, dict[int, dict]]]:
    """The share of WiSE-FT, and row -> seed -> figures."""
    share, rows = choose_share(args), {}
    for seed in args.seeds:
        base = train_base(args, seed, [1, 2, 3])
        for name, flags in {**MAIN, **(ONCE if seed == args.seeds[0] else {})}.items():
            mixed = ["--wise_ft", str(share)] if name == A_THEN_B else []
            zste = train(args, f"{name} {seed}", [*base, *flags, *mixed])["zste"]
            if name == A_THEN_B:
                rows.setdefault("base", {})[seed] = zste["base"]
                rows.setdefault("A only", {})[seed] = zste["after A"]
                rows.setdefault(f"{name}, WiSE-FT {share:g}", {})[seed] = zste[f"WiSE-FT {share:g}"]
            last = "after joint" if name == "joint" else "after B"
            rows.setdefault(name, {})[seed] = zste[last]
    seed = args.seeds[0]
    after_a = ["--model_name_or_path", str(folder_of(args, f"{A_THEN_B} {seed}") / "after_A")]
    same = ["--seed", str(seed), "--train_folds", "1", "2", "3"]
    for name, flags in AFTER_A.items():
        rows[name] = {seed: train(args, f"{name} {seed}", [*same, *after_a, *flags])["zste"]["after B"]}
    return share, rows


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
    parser.add_argument("--max_train_steps", type=int, help="of each stage, to try it out; default: the recipe's")
    args = parser.parse_args()
    args.recipe = write_recipe(args)
    share, rows = run_all(args)
    report = {"recipe": yaml.safe_load(args.recipe.read_text()), "seeds": args.seeds, "share": share, "rows": rows}
    args.output_json.write_text(json.dumps(report, indent=1) + "\n")
    args.output_json.with_suffix(".md").write_text(table(rows) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
