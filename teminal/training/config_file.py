"""Read what a training is started from: a YAML file, and command-line flags that override it."""

import argparse
import difflib
import itertools
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from teminal.cli import make_parser
from teminal.training.config import STAGES, RunConfig, StageConfig, TrainingConfig

STAGE_OPTIONS = [item.name for item in fields(StageConfig)]


def parse_config(argv: list[str] | None = None, description: str | None = None) -> TrainingConfig:
    """Read `--config` and the flags that override it.

    `--learning_rate 1e-4` holds for every stage that runs, `--B.learning_rate 1e-4` for one.

    Raises:
        ValueError, OSError: naming the flag or the YAML's key at fault.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = make_parser([RunConfig, StageConfig], description)
    for item in fields(StageConfig):
        for stage in STAGES:
            name = f"{stage}.{item.name}"
            flags = dict.fromkeys([f"--{name}", f"--{name}".replace("_", "-")])
            parser.add_argument(*flags, dest=name, type=item.type, default=item.default, help=argparse.SUPPRESS)

    in_flags, unknown = parser.parse_known_args(argv)
    if unknown:
        meant = _did_you_mean(unknown[0].split("=")[0], parser._option_string_actions)
        raise ValueError(f"{unknown[0]}: no such option{meant}")
    given = _given_options(parser, argv)
    settings = _read_yaml(in_flags.config) if in_flags.config else {}
    scratch = settings.pop("scratch", None) or {}
    yaml_flags = [flag for stage in STAGES for flag in _as_flags(settings.pop(stage, None) or {}, f"{stage}.")]
    values = vars(parser.parse_args([*yaml_flags, *_as_flags(settings), *argv]))

    def value(stage: str, name: str) -> Any:
        for_all_stages = name in given and f"{stage}.{name}" not in given
        return values[name if for_all_stages else f"{stage}.{name}"]

    stages = {stage: StageConfig(**{name: value(stage, name) for name in STAGE_OPTIONS}) for stage in STAGES}
    run = {item.name: values[item.name] for item in fields(RunConfig)}
    config = TrainingConfig(**run, **stages, scratch=scratch)
    _check_used(config, given)
    return config


def check_known(path: str, prefix: str, settings: Any, known: set[str]) -> None:
    """Check that a mapping of the YAML at `path` has known keys alone; `prefix` is where it stands, such as "A.".

    Raises:
        ValueError: naming the key, with one that may be meant.
    """
    if not isinstance(settings, dict):
        raise ValueError(f"--config {path}: expected `key: value` lines{f' under {prefix[:-1]}' if prefix else ''}")
    for key in settings:
        if key not in known:
            meant = _did_you_mean(f"{prefix}{key}", [f"{prefix}{name}" for name in known])
            raise ValueError(f"--config {path}: unknown key {prefix}{key}{meant}")


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _given_options(parser: argparse.ArgumentParser, argv: list[str]) -> set[str]:
    """Return the options that are given, after checking that flags such as `--no_x` and `--x no` agree."""
    starts = [i for i, word in enumerate(argv) if word.startswith("--")]
    said: dict[str, tuple[Any, list[str]]] = {}
    for start, end in itertools.pairwise([*starts, len(argv)]):
        name = argv[start].split("=")[0].removeprefix("--").replace("-", "_").removeprefix("no_")
        words = argv[start:end]
        value = getattr(parser.parse_args(words), name)
        before, earlier = said.setdefault(name, (value, words))
        if value != before:
            raise ValueError(f"{' '.join(earlier)} and {' '.join(words)} contradict each other: give one of them")
    return set(said)


def _as_flags(settings: dict[str, Any], prefix: str = "") -> list[str]:
    """Return YAML settings as the flags that say the same, so that argparse checks both; YAML reads `no` as false."""
    flags = []
    for name, value in settings.items():
        if value is not None:
            items = value if isinstance(value, list) else [value]
            words = [{True: "yes", False: "no"}[item] if isinstance(item, bool) else str(item) for item in items]
            flags += [f"--{prefix}{name}", *words]
    return flags


def _read_yaml(path: str) -> dict[str, Any]:
    """Read a YAML file whose keys are known and there once."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        settings = yaml.safe_load(text)
        _check_once(path, yaml.compose(text, yaml.SafeLoader))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(f"--config {path}: line {line} is not UTF-8; save the file in that encoding") from error
    except OSError as error:
        raise ValueError(f"--config {path}: {error.strerror}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"--config {path}: not valid YAML: {error}") from error
    check_known(path, "", settings, {item.name for item in fields(TrainingConfig)} - {"config"})
    for stage in STAGES:
        check_known(path, f"{stage}.", settings.get(stage) or {}, set(STAGE_OPTIONS))
    return settings


def _check_once(path: str, node: yaml.Node | None) -> None:
    """Check that each key of a mapping is there once; YAML takes the last of several."""
    if not isinstance(node, yaml.MappingNode):
        return
    keys = set()
    for key, value in node.value:
        if key.value in keys:
            raise ValueError(f"--config {path}: line {key.start_mark.line + 1}: {key.value} is there again")
        keys.add(key.value)
        _check_once(path, value)


def _check_used(config: TrainingConfig, given: set[str]) -> None:
    """Check that every option on the command line does something."""
    for name in given:
        stage = name.partition(".")[0]
        if stage in STAGES and stage not in config.stages:
            raise ValueError(f"--{name} does nothing without {stage} in --stages")
    stages = [config.stage(stage) for stage in config.stages]
    validates = config.eval_steps or len(config.wise_ft) > 1
    warms_up = any(stage.text_warmup_steps for stage in stages)
    replays = any(stage.replay_weight for stage in stages) or not any(stage.replay_batch_size for stage in stages)
    needs = {
        "lora_rank": ("--lora", config.lora != "none"),
        "lora_alpha": ("--lora", config.lora != "none"),
        "validation_scenes": ("--eval_steps", validates),
        "hub_private_repo": ("--push_to_hub", config.push_to_hub or not config.hub_private_repo),
        "text_warmup_learning_rate": ("--text_warmup_steps", warms_up),
        "text_warmup_hold_weight": ("--text_warmup_steps", warms_up),
        "replay_batch_size": ("--replay_weight", replays),
    }
    for name in given:
        needed, is_there = needs.get(name.rpartition(".")[2], ("", True))
        if not is_there:
            raise ValueError(f"--{name} does nothing without {needed}")
