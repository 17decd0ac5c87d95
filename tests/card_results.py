"""Results of runs that never were, for what a card makes of them."""

from dataclasses import asdict

from eval.zste.zste import TASKS
from teminal.training.stages import StageConfig

NAMES = [
    *TASKS,
    *(task for tasks in TASKS.values() for task in tasks),
    "recognition",
    "temporal",
    "robustness",
    "zste",
]
CONTROLS = ["control_3A", "control_3B", "control_3C"]


def figures(**fractions: float) -> dict:
    """Every figure of ZSTE with an interval of 0.04: of a name that is not given, 0.5, which is chance."""
    found = {}
    for name in (*NAMES, *CONTROLS):
        value = fractions.get(f"_{name}", 0.5)
        found |= {name: value, f"{name}_ci95": [value - 0.02, value + 0.02], f"{name}_chance": 0.5, f"{name}_n": 100}
    return found


LEARNED = figures(_3A=0.9, _3B=0.85)


def run_results(zste: dict[str, dict] | None = None, recipe: dict | None = None, **others) -> dict:
    """Of a run on ESC-50 from scratch that has learned the order of sounds, unless said otherwise."""
    stage = {name: asdict(StageConfig(max_train_steps=10)) for name in ("pretrain", "A", "B")}
    settings = {"source": "esc50", "eval_source": None, "output_dir": "run", "hub_model_id": None, "lora": "none"}
    settings |= {"lora_rank": 16, "freeze_layers": 0, "stages": ["pretrain", "A", "B"], "stage": stage}
    return {
        "recipe": settings | (recipe or {}),
        "base": None,
        "text_base": None,
        "dataset": None,
        "terms": {"license": "cc-by-nc-3.0", "attribution": "ESC-50 (K. J. Piczak, 2015).", "citation": ""},
        "captioned": False,
        "n_train_clips": 1200,
        "examples": {
            "before": "This is a sound of dog before rain.",
            "reverse": "This is a sound of rain before dog.",
            "after": "This is a sound of rain after dog.",
            "while": "This is a sound of dog while rain.",
        },
        "temporal_head": True,
        "n_parameters": 2.6e6,
        "zste": zste or {"base": figures(), "after A": figures(), "after B": LEARNED},
        "files": ["config.json", "model.safetensors"],
        **others,
    }
